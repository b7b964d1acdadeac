"""The list of commands, and the only place where errors become a message and an exit code."""

from __future__ import annotations

import sys
import threading
from typing import Annotated

import typer

from deraincli._version import __version__
from deraincli.cli import interrupts, output
from deraincli.cli.commands import (
    attn,
    batch,
    bench,
    compare,
    data,
    doctor,
    eval,
    image,
    serve,
    synth,
    train,
    video,
    weights,
)
from deraincli.cli.help import LOOK, MANAGE, MEASURE, RESTORE, TRAIN, Command, Group, examples
from deraincli.cli.refusals import refusal
from deraincli.cli.streams import guarded_streams
from deraincli.errors import DerainError, ExitCode
from deraincli.files.locations import give_homeless_users_a_cache
from deraincli.runtime import process
from deraincli.runtime.installation import LEFT_OUT, missing_sentence

app = typer.Typer(
    name="derain",
    cls=Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "derain image photo.jpg -o clean.jpg",
        "derain batch photos",
        "derain image --help                   # all options of a command",
    ),
)

for name, module, panel in (
    ("image", image, RESTORE),
    ("batch", batch, RESTORE),
    ("video", video, RESTORE),
    ("serve", serve, RESTORE),
    ("compare", compare, LOOK),
    ("attn", attn, LOOK),
    ("eval", eval, MEASURE),
    ("bench", bench, MEASURE),
    ("train", train, TRAIN),
    ("synth", synth, TRAIN),
):
    extra = {"allow_extra_args": module is image}  # its own message names the command for several pictures
    look = {"rich_help_panel": panel, "epilog": module.EXAMPLES}
    app.command(name, cls=Command, context_settings=extra, **look)(module.command)
app.add_typer(data.app, name="data", rich_help_panel=TRAIN)
app.add_typer(weights.app, name="weights", rich_help_panel=MANAGE)
app.command("doctor", cls=Command, rich_help_panel=MANAGE, epilog=doctor.EXAMPLES)(doctor.command)


def _print_version(context: typer.Context, wanted: bool) -> None:
    if not wanted:
        return
    print(f"derain {__version__}")
    if context.params.get("verbose"):
        from deraincli.diagnostics.versions import describe_installation

        for line in describe_installation():
            print(line)
    raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, help="Print the version.")
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", is_eager=True, help="With --version: also print those of Python and PyTorch."
        ),
    ] = False,
) -> None:
    """Removes rain streaks and raindrops on the lens from photos and videos."""


def run() -> None:
    """Runs the command line.

    Expected errors, and packages that a small installation leaves out, become one sentence and an exit code.
    Bugs keep their traceback.
    """
    interrupts.listen()
    threading.excepthook = _report_failed_thread
    process.prepare()
    with guarded_streams():
        try:
            _run_and_flush()
        except DerainError as error:
            output.error(str(error))
            sys.exit(error.exit_code)
        except ModuleNotFoundError as error:
            module = (error.name or "").partition(".")[0]
            if module not in LEFT_OUT:
                raise
            output.error(missing_sentence(module))
            sys.exit(ExitCode.FAILED)
        except MemoryError:
            output.error("Memory ran out: close other programs, or use smaller images.")
            sys.exit(ExitCode.FAILED)
        except BrokenPipeError:  # the program that reads the output, such as `head`, has ended
            sys.exit(ExitCode.FAILED)
        except OSError as error:
            sentence = refusal(error)
            if sentence is None:
                raise
            output.error(sentence)
            sys.exit(ExitCode.FAILED)
        except KeyboardInterrupt:  # only before Typer starts, which turns later ones into SystemExit
            output.stderr().print("Interrupted.")
            sys.exit(ExitCode.INTERRUPTED)
        except SystemExit as end:
            if end.code == ExitCode.INTERRUPTED:
                output.stderr().print("Interrupted.")
            raise


def _run_and_flush() -> None:
    """Runs the command. Raises OutputError if a part of its output cannot be written."""
    try:
        give_homeless_users_a_cache()
        app()
    finally:
        sys.stdout.flush()


def _report_failed_thread(failed: threading.ExceptHookArgs) -> None:
    """Reports an error that ended a thread of a library, such as TensorBoard's when the disk is full."""
    sentence = refusal(failed.exc_value) if isinstance(failed.exc_value, OSError) else None
    if sentence is None:
        threading.__excepthook__(failed)
    else:
        output.error(sentence)
