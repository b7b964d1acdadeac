"""`derain video` restores every frame of a video."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from deraincli.cli import options
from deraincli.cli.destination import STREAM, check_output, is_stdout, note_other_suffix, output_path
from deraincli.cli.help import IN_OUT, QUALITY, examples
from deraincli.cli.output import Meter, Output
from deraincli.cli.result_line import files_and_size, how_restored
from deraincli.cli.values import CODECS, CONTAINERS, listed, one_of, suggest
from deraincli.errors import DerainError, InputError, UsageError

if TYPE_CHECKING:
    from deraincli.restoration.load import LoadOptions
    from deraincli.video.reader import Source, Span
    from deraincli.video.restorer import Prepared, VideoOptions, VideoRestorer, VideoResult

EXAMPLES = examples(
    "derain video in.mp4 -o out.mp4",
    "derain video in.mp4 -o part.mp4 --temporal 2 --start 1:30 --end 2:00",
)


class _Pipe:
    """Standard output as a file that cannot seek, even if it is redirected to a file."""

    def write(self, data: bytes) -> int:
        return sys.stdout.buffer.write(data)

    def seekable(self) -> bool:
        return False


def command(
    source: Annotated[str, typer.Argument(metavar="IN", help="A video, or - for standard input.")],
    destination: options.OutputFile = None,
    overwrite: options.Overwrite = False,
    format: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            autocompletion=suggest(*CONTAINERS),
            rich_help_panel=IN_OUT,
            help=f"Container: {listed(CONTAINERS)}. Default: by the suffix, or mkv with -o -.",
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(metavar="[[H:]M:]S", rich_help_panel=IN_OUT, help="Time at which to begin."),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option(
            metavar="[[H:]M:]S",
            rich_help_panel=IN_OUT,
            help="Time at which to end, counted from the start of the video.",
        ),
    ] = None,
    task: options.Task = "auto",
    model: options.Model = None,
    strength: options.Strength = 1.0,
    temporal: Annotated[
        int,
        typer.Option(
            min=0,
            max=5,
            metavar="N",
            rich_help_panel=QUALITY,
            help="Reduce flicker: combine each frame with N frames on either side.",
        ),
    ] = 0,
    codec: Annotated[
        str,
        typer.Option(
            **one_of("auto", *CODECS) | {"metavar": "NAME"},
            rich_help_panel=QUALITY,
            show_default=False,
            help=f"Codec: {listed(CODECS)}. Default: the one of IN where possible.",
        ),
    ] = "auto",
    crf: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=63,
            metavar="N",
            rich_help_panel=QUALITY,
            help="Lower values give better quality. Default: 18 for h264, 20 for hevc, 24 for vp9 and av1.",
        ),
    ] = None,
    working_side: options.WorkingSide = "400",
    ensemble: options.Ensemble = False,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    backend: options.Backend = None,
    provider: options.Provider = "auto",
    tile: options.Tile = "auto",
    overlap: options.Overlap = "auto",
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    json: options.Json = False,
) -> None:
    """Remove rain from a video.

    Sound, subtitles, timestamps and metadata are kept. Run the same command again to resume.
    """
    out = options.make_output(quiet, verbose, json)
    if json and is_stdout(source, destination):
        raise UsageError("--json and a video cannot share standard output: give -o a file name.")
    record: dict[str, Any] = {"source": source, "output": destination, "status": "failed", "error": None}
    asked = options.load_options(
        model, task, device, precision, backend, tile, overlap, working_side, provider, ensemble
    )
    try:
        target = _destination(source, destination, format)
        record["output"] = STREAM if target is None else str(target)
        _refuse_picture(source)
        span = _span(start, end)
        with _opened(source, span) as video:
            chosen = _choices(target, format, codec, crf, span, temporal, strength)
            check_output(target, "A video", overwrite=overwrite)
            note_other_suffix(target, _suffixes(chosen.format), chosen.format, out)
            prepared = _prepare(video, chosen)
        with out.progress(source, "frames") as meter:
            restorer, job = _load(asked, chosen, meter, out)
            result = _restore(restorer, source, target, prepared, job, overwrite, out)
    except DerainError as error:
        if json:
            out.result(record | {"error": str(error)}, "")
        raise
    record |= _describe(restorer, result) | {"ensemble": ensemble}
    frames = f"{result.frames} frames{_exceptions(result)}"
    how = how_restored(record, f"strength {strength}" if strength != 1 else "")
    out.result(record, f"{files_and_size(record)}, {frames}, {result.seconds:.1f} s, {how}")


def _destination(source: str, destination: str | None, format: str | None) -> Path | None:
    """Returns the output path, None for standard output."""
    path = options.path(source)
    if not path.name:  # "." or "/"
        raise InputError(f"'{source}' is a folder: name a video in it.")
    return output_path(source, destination, _suffix(path, format))


def _suffix(source: Path, format: str | None) -> str:
    """Returns the suffix of an output that is named after the input: that of the input if it fits."""
    if format is None:
        return source.suffix
    from deraincli.video import require_av

    require_av()
    from deraincli.video.muxer import CONTAINER_OF_SUFFIX

    container = CONTAINER_OF_SUFFIX.get(format.lower())
    stays = container is not None and container == CONTAINER_OF_SUFFIX.get(
        source.suffix.removeprefix(".").lower()
    )
    return source.suffix if stays else f".{format.lower()}"


def _refuse_picture(source: str) -> None:
    """Raises InputError for a file with a single picture, which FFmpeg would accept, too."""
    from deraincli.imaging.formats import FORMATS, HEAD_BYTES, recognise

    head = b""
    with suppress(OSError):  # a file that cannot be read is reported when it is opened
        if Path(source).is_file():
            with Path(source).open("rb") as file:
                head = file.read(HEAD_BYTES)
    kind = recognise(head, Path(source).suffix)
    # The name counts, too, because a bare stream of Motion JPEG begins like a JPEG.
    if kind and Path(source).suffix.lower() in FORMATS[kind].suffixes:
        raise InputError(f"'{source}' is a picture: restore it by derain image.")


@contextmanager
def _opened(source: str, span: Span) -> Iterator[Source | None]:
    """Opens the input, before its name decides on the output's format. None for standard input."""
    from deraincli.video.reader import Source

    if source == STREAM:
        yield None
        return
    with closing(Source(Path(source), span)) as video:
        yield video


def _choices(
    target: Path | None,
    format: str | None,
    codec: str,
    crf: int | None,
    span: Span,
    temporal: int,
    strength: float,
) -> VideoOptions:
    from deraincli.restoration.control import check_strength
    from deraincli.video.encoder import check_crf
    from deraincli.video.muxer import CONTAINER_OF_SUFFIX
    from deraincli.video.restorer import VideoOptions

    suffix = "mkv" if target is None else target.suffix.removeprefix(".")
    name = (format or suffix).lower()
    if name not in CONTAINER_OF_SUFFIX:
        names = ", ".join(CONTAINER_OF_SUFFIX)
        given = repr(format) if format or target is None else f"The suffix of '{target.name}'"
        raise UsageError(
            f"{given} names no kind of video that is written: choose {names}, as the output's suffix or "
            "with --format."
        )
    if codec != "auto":
        check_crf(codec, crf)
    check_strength(strength)
    return VideoOptions(CONTAINER_OF_SUFFIX[name], codec, crf, span, temporal, strength)


def _suffixes(container: str) -> list[str]:
    """Returns the suffixes of a container's files."""
    from deraincli.video.muxer import CONTAINER_OF_SUFFIX

    return [f".{suffix}" for suffix, name in CONTAINER_OF_SUFFIX.items() if name == container]


def _span(start: str | None, end: str | None) -> Span:
    """Returns the part of the video to restore."""
    from deraincli.video import require_av

    require_av()
    from deraincli.video.reader import Span

    span = Span(_seconds("--start", start) or Fraction(0), _seconds("--end", end))
    if span.end is not None and span.end <= span.start:
        raise UsageError("--end must come after --start.")
    return span


def _seconds(option: str, text: str | None) -> Fraction | None:
    """Parses a time such as 90, 1:30 or 0:01:30.5 to seconds."""
    if text is None:
        return None
    if not re.fullmatch(r"(\d+:){0,2}\d+(\.\d+)?", text, re.ASCII):
        raise UsageError(
            f"{option} takes seconds, or hours, minutes and seconds as in 1:02:03.5, not {text!r}."
        )
    seconds = Fraction(0)
    for part in text.split(":"):
        seconds = 60 * seconds + Fraction(part)
    return seconds


def _prepare(video: Source | None, chosen: VideoOptions) -> Prepared | None:
    """Checks that a file can be restored before the model is loaded, which takes seconds."""
    from deraincli.video.restorer import prepare

    return None if video is None else prepare(video, chosen)


def _load(asked: LoadOptions, chosen: VideoOptions, meter: Meter, out: Output) -> tuple[VideoRestorer, str]:
    """Loads the model. Returns its restorer and a text for everything that determines the results."""
    from deraincli.model_zoo.resolve import resolve_model
    from deraincli.restoration.identity import results_identity
    from deraincli.video.restorer import VideoRestorer

    found = resolve_model(asked.model, asked.task)
    derainer = options.open_model(asked, out, found)
    return VideoRestorer(derainer, chosen, meter, out.note), results_identity(found, asked)


def _restore(
    restorer: VideoRestorer,
    source: str,
    target: Path | None,
    prepared: Prepared | None,
    job: str,
    overwrite: bool,
    out: Output,
) -> VideoResult:
    """Restores from a file, which is `prepared`, or standard input to a file or standard output."""
    given: Path | BinaryIO = sys.stdin.buffer if source == STREAM else Path(source)
    if target is None:
        result = restorer.to_stream(given, _Pipe())
        sys.stdout.buffer.flush()
        return result
    if prepared is not None:
        with out.resumable():
            return restorer.to_file(Path(source), target, prepared, job=job, overwrite=overwrite)
    from deraincli.files.atomic import open_atomically

    with open_atomically(target, overwrite=overwrite) as file:
        return restorer.to_stream(given, file)


def _exceptions(result: VideoResult) -> str:
    """Describes how many frames were not restored, for the summary."""
    counts = {"repeated for damaged ones": result.repeated, "left as they were": result.passed}
    parts = [f"{count} {what}" for what, count in counts.items() if count]
    return f" ({', '.join(parts)})" if parts else ""


def _describe(restorer: VideoRestorer, result: VideoResult) -> dict[str, Any]:
    derainer, encoding = restorer.derainer, result.encoding
    return {
        "status": "done",
        "width": encoding.width,
        "height": encoding.height,
        "frames": result.frames,
        "passed_through": result.passed,
        "repeated": result.repeated,
        "resumed": result.resumed,
        "ends_early": result.ends_early,
        "codec": encoding.codec,
        "crf": encoding.crf,
        "seconds": round(result.seconds, 4),
        "model": derainer.name,
        "device": derainer.device,
        "precision": derainer.precision,
        "strength": restorer.options.strength,
        "tile": result.tile,
    }
