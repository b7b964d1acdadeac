"""The command line's table of contents, and the one place where errors become text and an exit code."""

from __future__ import annotations

import signal
import sys
import warnings
from types import FrameType
from typing import Annotated

import typer

from deraincli._version import __version__
from deraincli.cli import output
from deraincli.cli.commands import (
    attn,
    batch,
    bench,
    compare,
    data,
    doctor,
    eval,
    image,
    synth,
    train,
    video,
    weights,
)
from deraincli.cli.streams import guarded_streams
from deraincli.errors import DerainError, ExitCode
from deraincli.files.locations import give_homeless_users_a_cache

app = typer.Typer(
    name="derain",
    help="Takes rain streaks and lens raindrops out of photos.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("image")(image.command)
app.command("batch")(batch.command)
app.command("attn")(attn.command)
app.command("compare")(compare.command)
app.command("eval")(eval.command)
app.command("bench")(bench.command)
app.command("synth")(synth.command)
app.command("train")(train.command)
app.add_typer(data.app, name="data")
app.command("video")(video.command)
app.add_typer(weights.app, name="weights")
app.command("doctor")(doctor.command)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"derain {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Takes rain streaks and lens raindrops out of photos."""


def run() -> None:
    """Runs the command line.

    Expected errors become one sentence and an exit code; bugs keep their traceback.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    warnings.filterwarnings("ignore", module="PIL")  # our own limits and sentences stand in for its warnings
    with guarded_streams():
        try:
            _run_and_flush()
        except DerainError as error:
            output.error(str(error))
            sys.exit(error.exit_code)
        except BrokenPipeError:  # whoever read the output has seen enough, such as `head`
            sys.exit(ExitCode.FAILED)
        except SystemExit as end:  # which Typer makes of KeyboardInterrupt
            if end.code == ExitCode.INTERRUPTED:
                output.stderr().print("Interrupted.")
            raise


def _run_and_flush() -> None:
    """Runs the command; raises OutputError if not all of its output arrives, of whatever it is made."""
    try:
        give_homeless_users_a_cache()
        app()
    finally:
        sys.stdout.flush()


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
