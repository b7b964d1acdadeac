"""`derain serve` offers restoration to browsers and programs."""

from __future__ import annotations

import re
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from deraincli.cli import options
from deraincli.cli.help import IN_OUT, SERVER, examples
from deraincli.cli.output import Output
from deraincli.errors import UsageError
from deraincli.imaging.formats import DEFAULT_MAX_PIXELS

EXAMPLES = examples(
    "derain serve --open                    # http://127.0.0.1:7860/",
    "derain serve --host 0.0.0.0 --token SECRET",
)


def command(
    context: typer.Context,
    host: Annotated[
        str, typer.Option(metavar="NAME", rich_help_panel=SERVER, help="Interface to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", rich_help_panel=SERVER, help="Port to listen on.")
    ] = 7860,
    open: Annotated[
        bool, typer.Option("--open", rich_help_panel=SERVER, help="Open the page in the browser.")
    ] = False,
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            envvar="DERAIN_TOKEN",
            show_envvar=False,
            rich_help_panel=SERVER,
            help="Serve only clients that know this token.",
        ),
    ] = None,
    cors: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ORIGIN", rich_help_panel=SERVER, help="Let pages of this origin use the server, too."
        ),
    ] = None,
    static: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            parser=options.path,
            rich_help_panel=IN_OUT,
            help="Serve nothing, and write the page as files that work in the browser alone.",
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    queue: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            rich_help_panel=SERVER,
            help="Pictures that may wait. Further ones are answered with 429.",
        ),
    ] = 32,
    max_body: Annotated[
        int,
        typer.Option(min=1, metavar="MB", rich_help_panel=SERVER, help="Refuse larger requests."),
    ] = 200,
    task: options.Task = "auto",
    model: options.Model = None,
    working_side: options.WorkingSide = "auto",
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    backend: options.Backend = None,
    provider: options.Provider = "auto",
    tile: options.Tile = "auto",
    overlap: options.Overlap = "auto",
    max_pixels: options.MaxPixels = DEFAULT_MAX_PIXELS,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Remove rain on a page in the browser, or over HTTP."""
    out = options.make_output(quiet, verbose, json=False)
    if token is not None and not re.fullmatch("[!-~]+", token):
        raise UsageError(
            "A token is one or more visible ASCII characters without spaces: choose another --token."
        )
    origins = tuple(map(_origin, cors or ()))
    if static is not None:
        _refuse_served(context)
        _write_static(static, overwrite, out)
        return
    if overwrite:
        raise UsageError("A server writes no files: leave --overwrite out, or add --static.")
    from deraincli.serve import require_server

    require_server()
    from deraincli.serve import server
    from deraincli.serve.app import ServerLimits, create_app
    from deraincli.serve.loaded_models import LoadedModels

    asked = options.load_options(
        model, task, device, precision, backend, tile, overlap, working_side, provider
    )
    with server.listen(host, port) as listening:
        with out.progress("loading the model"):
            models = LoadedModels(asked)
        for note in models.default.notes:
            out.note(note)
        if not server.is_loopback(listening):
            told = "" if token is None else "knows the token and "
            out.note(
                f"Every machine that {told}reaches {host} can use this server. See docs/serve.md on safety."
            )
        limits = ServerLimits(max_pixels, max_body * 2**20, queue, token, origins)
        url = server.url_of(listening, token)
        out.line(f"Serving {models.default.name} on {models.default.device} at {url}  (Ctrl-C stops it)")
        if open:
            webbrowser.open(url)
        server.run(create_app(models, limits), listening, access_log=verbose)
    out.line("Stopped.")


def _origin(text: str) -> str:
    """Returns an origin as browsers send it. Raises UsageError if it is none."""
    origin = text.lower().removesuffix("/")
    if not re.fullmatch(r"\*|null|[a-z][a-z0-9+.-]*://[^/?#\s]+", origin):
        raise UsageError(f"--cors takes an origin such as https://example.org, or *, not {text!r}.")
    return origin


def _refuse_served(context: typer.Context) -> None:
    """Raises UsageError for an option of the server, which --static would ignore."""
    for parameter in context.command.params:
        heeded = parameter.name in ("static", "overwrite", "quiet", "verbose")
        if not heeded and options.is_typed(context, parameter.name):
            option = max(parameter.opts, key=len)
            raise UsageError(f"--static serves nothing and writes all models: leave {option} out.")


def _write_static(folder: Path, overwrite: bool, out: Output) -> None:
    """Writes the page for the browser alone."""
    from deraincli.serve.static_site import shipped_models, write_site

    with out.progress("writing the page"):
        size = write_site(folder, shipped_models(), overwrite=overwrite)
    out.line(f"{folder}: {size / 1e6:.1f} MB. Any web server can host it: python -m http.server -d {folder}")
