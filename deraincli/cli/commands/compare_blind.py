"""`derain compare --blind`: a page to judge two hidden versions on, and the result of its answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from deraincli.cli import options
from deraincli.cli.output import Output
from deraincli.errors import InputError, UsageError

if TYPE_CHECKING:
    from deraincli.model_zoo.resolve import ResolvedModel
    from deraincli.pixels import Pixels
    from deraincli.restoration.derainer import Derainer
    from deraincli.restoration.load import LoadOptions


def write_page(
    source: Path,
    destination: Path,
    models: dict[str, ResolvedModel],
    ready: Sequence[tuple[str, Path]],
    asked: LoadOptions,
    out: Output,
    *,
    max_pixels: int,
    overwrite: bool,
) -> None:
    """Writes the page.

    Args:
        source: A photo, or a folder of photos.
        destination: The page.
        models: Models by the names of their versions.
        ready: Names of versions with the file, or for a folder the folder, of their results.
        asked: How models run.
        out: Receives what is printed.
        max_pixels: Largest number of pixels of a photo.
        overwrite: Whether an existing page is replaced.

    Raises:
        UsageError: There are not two versions.
        InputError: A photo or a result cannot be read.
    """
    from deraincli.evaluation.blind import Trial, blind_page
    from deraincli.evaluation.comparison import INPUT
    from deraincli.files.atomic import write_atomically

    names = [*models, *(name for name, _ in ready)]
    if len(names) == 1:
        names.insert(0, INPUT)
    if len(names) != 2:
        raise UsageError(f"--blind compares two versions, not {len(names)}: name two models or results.")
    photos = _photos(source)
    if source.is_dir():
        _check_folders(source, [file for _, file in ready])
    derainers = {name: options.open_model(asked, out, found) for name, found in models.items()}
    version = partial(_version, source, derainers, dict(ready), max_pixels)
    with out.progress("blind page") as meter:

        def both(number: int) -> tuple[Pixels, Pixels]:
            meter(number, len(photos), photos[number])
            return version(names[0], photos[number]), version(names[1], photos[number])

        trials = [Trial(photo, partial(both, number)) for number, photo in enumerate(photos)]
        page = blind_page(
            f"Blind comparison of {source.name}", (names[0], names[1]), trials, on_note=out.note
        )
    write_atomically(destination, page.encode(), overwrite=overwrite)
    record = {"source": str(source), "output": str(destination), "versions": names, "pictures": len(photos)}
    out.result(record, f"{source} → {destination}  {len(photos)} to judge")


def write_result(answers: Path, destination: Path, out: Output, *, overwrite: bool) -> None:
    """Writes the result of the answers that a page has saved, and prints it in one sentence.

    Args:
        answers: The answers.
        destination: The result, JSON.
        out: Receives the sentence.
        overwrite: Whether an existing file is replaced.

    Raises:
        InputError: The answers cannot be read.
    """
    from deraincli.evaluation.blind import read_answers
    from deraincli.files.atomic import write_atomically

    result = read_answers(answers)
    text = json.dumps(result.record(), indent=1, ensure_ascii=False) + "\n"
    write_atomically(destination, text.encode(), overwrite=overwrite)
    out.answer(result.record(), str(result))


def _photos(source: Path) -> list[str]:
    """Lists the photos of a folder without earlier results, or the name of the only photo.

    Raises InputError if not all are seen.
    """
    from deraincli.files.walk import results_among, walk
    from deraincli.imaging.decode import content_format

    if not source.is_dir():
        content_format(source)
        return [source.name]
    found = walk(source).all_names()
    results = results_among(source, found)
    names = [name for name in found if name not in results]
    if not names:
        raise InputError(f"There are no photos in '{source}': name another folder.")
    return names


def _check_folders(source: Path, folders: Sequence[Path]) -> None:
    """Raises InputError if the results of a folder of photos are not in folders."""
    for folder in folders:
        if not folder.exists():
            raise InputError(f"There is no folder '{folder}': check its name.")
        if not folder.is_dir():
            raise InputError(
                f"'{folder}' is a file, but '{source}' is a folder: name the folder of its results."
            )


def _version(
    source: Path,
    derainers: dict[str, Derainer],
    ready: dict[str, Path],
    max_pixels: int,
    name: str,
    photo: str,
) -> Pixels:
    """Makes one version of a photo, as a screen shows it."""
    from deraincli.evaluation.comparison import read_version
    from deraincli.imaging.decode import decode
    from deraincli.imaging.display import to_display_rgb

    image = decode(source / photo if source.is_dir() else source, max_pixels=max_pixels)
    if name in ready:
        file = _result_of(ready[name], photo) if source.is_dir() else ready[name]
        image = read_version(name, file, image, max_pixels=max_pixels).image
    elif name in derainers:
        image = replace(image, pixels=derainers[name].restore(image.pixels).image)
    return to_display_rgb(image)


def _result_of(folder: Path, photo: str) -> Path:
    """Finds the result of a photo in a folder: the same name, with any suffix of a picture."""
    from deraincli.files.walk import walk

    if (folder / photo).is_file():
        return folder / photo
    stem = str(Path(photo).with_suffix(""))
    matches = [name for name in walk(folder).names if str(Path(name).with_suffix("")) == stem]
    if not matches:
        raise InputError(f"'{folder}' has no result of '{photo}': name each result as its photo.")
    if len(matches) > 1:
        raise InputError(f"'{folder}' has {len(matches)} results of '{photo}': leave only one there.")
    return folder / matches[0]
