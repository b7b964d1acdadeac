"""The command line's table of contents, and the one place where errors become text and an exit code."""

from __future__ import annotations

import errno
import signal
import sys
from types import FrameType
from typing import Annotated

import typer

from deraincli import process
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
from deraincli.cli.help import LOOK, MANAGE, MEASURE, RESTORE, TRAIN, Command, Group, examples
from deraincli.cli.streams import guarded_streams
from deraincli.errors import DerainError, ExitCode
from deraincli.files.locations import give_homeless_users_a_cache

REFUSALS = {
    *(errno.EACCES, errno.EPERM, errno.EROFS),
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
    *(errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE),
    *(errno.ENAMETOOLONG, errno.ELOOP),
}
"""Errors of permissions, full disks, failing ones and names that no file can have: never a bug of ours."""

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
    ("compare", compare, LOOK),
    ("attn", attn, LOOK),
    ("eval", eval, MEASURE),
    ("bench", bench, MEASURE),
    ("train", train, TRAIN),
    ("synth", synth, TRAIN),
):
    extra = {"allow_extra_args": module is image}  # it says itself what to do with several pictures
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

    Expected errors become one sentence and an exit code, and so does what the system refuses. Bugs keep their
    traceback.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    process.prepare()
    with guarded_streams():
        try:
            _run_and_flush()
        except DerainError as error:
            output.error(str(error))
            sys.exit(error.exit_code)
        except BrokenPipeError:  # whoever read the output has seen enough, such as `head`
            sys.exit(ExitCode.FAILED)
        except OSError as error:
            if error.errno not in REFUSALS:
                raise
            output.error(_refusal(error))
            sys.exit(ExitCode.FAILED)
        except KeyboardInterrupt:  # before Typer is ready, which makes SystemExit of later ones
            output.stderr().print("Interrupted.")
            sys.exit(ExitCode.INTERRUPTED)
        except SystemExit as end:
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


def _refusal(error: OSError) -> str:
    """Returns what the system refuses, as a sentence, where nobody nearer to it knew a better one."""
    what = "A file" if error.filename is None else f"'{error.filename}'"
    return f"{what} cannot be used ({error.strerror}): check the permissions and the disk."


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
