"""The methods that an evaluation compares: the rainy input, models, and folders of existing results."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from deraincli.datasets.pairs import Pair
from deraincli.errors import InputError
from deraincli.files.atomic import write_atomically
from deraincli.files.folders import make_folder
from deraincli.files.walk import walk
from deraincli.imaging.decode import decode, file_sha256
from deraincli.imaging.encode import encode
from deraincli.imaging.image import Image
from deraincli.pixels import Pixels

if TYPE_CHECKING:
    from deraincli.callbacks import OnWarning
    from deraincli.inference.tiled import Restored

RESULT_SUFFIXES = (".derained", "_derained", "_x")
"""Suffixes that restoring programs append to the name of a picture."""


class Method(Protocol):
    """A method with a restored picture for every pair."""

    name: str
    """Name of the method in tables."""

    def identity(self, pair: Pair) -> str:
        """Returns a text for everything, apart from the pair, that determines the restored picture.

        Args:
            pair: The pair.

        Returns:
            A text. Equal texts mean equal pictures.
        """

    def keeps(self, pair: Pair) -> bool:
        """Returns whether nothing is missing where the method keeps its picture of a scored pair.

        Args:
            pair: The pair.
        """

    def restored(self, pair: Pair, rainy: Pixels) -> Pixels:
        """Returns the restored picture of a pair.

        Args:
            pair: The pair.
            rainy: Its rainy picture, H×W×C.

        Returns:
            The restored picture, H×W×C.

        Raises:
            InputError: There is no restored picture, or it cannot be read.
        """


class RainyInput:
    """The rainy picture itself, which shows the scores without any restoration."""

    name = "rainy input"

    def identity(self, pair: Pair) -> str:
        """Returns the name, because nothing but the pair determines the picture."""
        return self.name

    def keeps(self, pair: Pair) -> bool:
        """Returns True, because the rainy picture is there."""
        return True

    def restored(self, pair: Pair, rainy: Pixels) -> Pixels:
        """Returns the rainy picture unchanged."""
        return rainy


class PrecomputedResults:
    """A folder of restored pictures, whose names match the pairs with or without one of RESULT_SUFFIXES."""

    def __init__(self, name: str, folder: Path, pairs: Sequence[Pair], *, max_pixels: int) -> None:
        """Matches the pictures of the folder with pairs.

        Args:
            name: Name of the method in tables.
            folder: The folder.
            pairs: The pairs.
            max_pixels: Largest number of pixels to decode.

        Raises:
            InputError: There is no such folder, no picture in it matches, or two match the same pair.
        """
        self.name = name
        self._folder = folder
        self._max_pixels = max_pixels
        self._files = _match_results(folder, {pair.name for pair in pairs})

    def identity(self, pair: Pair) -> str:
        """Returns the SHA-256 of the file of a pair.

        Args:
            pair: The pair.

        Returns:
            The hash, or `missing` if there is no file.

        Raises:
            InputError: The file cannot be read.
        """
        path = self._files.get(pair.name)
        return "missing" if path is None else file_sha256(path)

    def keeps(self, pair: Pair) -> bool:
        """Returns True, because `identity` has read the file."""
        return True

    def restored(self, pair: Pair, rainy: Pixels) -> Pixels:
        """Decodes the file of a pair.

        Args:
            pair: The pair.
            rainy: Not used.

        Returns:
            The restored picture, H×W×C.

        Raises:
            InputError: There is no file, or it cannot be read.
        """
        file = self._files.get(pair.name)
        if file is None:
            raise InputError(f"There is no result for '{pair.name}' in '{self._folder}': add it.")
        return decode(file, max_pixels=self._max_pixels).pixels


class Restorer(Protocol):
    """A model that can be scored, such as `deraincli.restoration.derainer.Derainer`."""

    device: str
    precision: str

    def restore(self, pixels: Pixels, *, on_warning: OnWarning | None = None) -> Restored:
        """Restores a picture.

        Args:
            pixels: H×W×3 or H×W×1.
            on_warning: Receives sentences for the user.

        Returns:
            The restored picture with the shape and dtype of the input, rounded as a file would be.
        """


class ModelMethod:
    """A model that restores every picture anew.

    Attributes:
        folder: Folder of the results, which are named NAME.png. None keeps no results.
        seconds: Total time of restoring so far, in seconds.
    """

    def __init__(
        self,
        name: str,
        restorer: Restorer,
        identity: str,
        *,
        folder: Path | None = None,
        on_warning: OnWarning | None = None,
    ) -> None:
        """Sets up a model.

        Args:
            name: Name of the method in tables.
            restorer: The model.
            identity: Text for weights, precision and everything else that determines a result.
            folder: Folder of the results. None keeps no results.
            on_warning: Receives sentences for the user, which begin with the name of their picture.
        """
        self.name = name
        self.folder = folder
        self.seconds = 0.0
        self._restorer = restorer
        self._identity = identity
        self._on_warning = on_warning
        self._tiles: set[str] = set()
        # A single thread, because a device runs one picture at a time and compiled graphs belong to a thread.
        self._thread = ThreadPoolExecutor(max_workers=1)

    @property
    def facts(self) -> dict[str, str | None]:
        """Device, precision, and how pictures were cut (None if no picture was restored)."""
        return {
            "device": self._restorer.device,
            "precision": self._restorer.precision,
            "tile": ", ".join(sorted(self._tiles)) or None,
        }

    def __str__(self) -> str:
        pictures = f", pictures {self.facts['tile']}" if self._tiles else ""
        return f"{self.name} on {self._restorer.device} in {self._restorer.precision}{pictures}"

    def identity(self, pair: Pair) -> str:
        """Returns a text for the model and for the folder of its results."""
        return f"{self._identity} in {self.folder}"

    def keeps(self, pair: Pair) -> bool:
        """Returns whether the result is in the folder, if there is one."""
        file = self._file(pair)
        return file is None or file.is_file()

    def restored(self, pair: Pair, rainy: Pixels) -> Pixels:
        """Restores a picture and writes it to the folder, if there is one.

        Args:
            pair: The pair, whose name the file gets.
            rainy: Its rainy picture, H×W×C.

        Returns:
            The restored picture, H×W×C.

        Raises:
            OutputError: The file cannot be written.
        """
        pixels = self._thread.submit(self._run, pair.name, rainy).result()
        file = self._file(pair)
        if file is not None:
            make_folder(file.parent)  # names of photos include their sub-folders
            write_atomically(file, encode(Image(pixels, "PNG"), "PNG"), overwrite=True)
        return pixels

    def _file(self, pair: Pair) -> Path | None:
        return None if self.folder is None else self.folder / f"{pair.name}.png"

    def _run(self, name: str, rainy: Pixels) -> Pixels:
        def warn(sentence: str) -> None:
            if self._on_warning is not None:
                self._on_warning(f"{name}: {sentence}")

        start = time.perf_counter()
        result = self._restorer.restore(rainy, on_warning=warn)
        self.seconds += time.perf_counter() - start
        self._tiles.add("whole" if result.whole else f"in tiles of {result.tile}")
        return result.image


def _match_results(folder: Path, names: set[str]) -> dict[str, Path]:
    if not folder.is_dir():
        raise InputError(f"'{folder}' is not a folder: name the folder of the restored pictures.")
    matches: dict[str, Path] = {}
    for file in map(folder.joinpath, walk(folder).names):
        name = _pair_name(file.relative_to(folder).with_suffix("").as_posix(), names)
        if name is None:
            continue
        if name in matches:
            raise InputError(
                f"Both '{matches[name]}' and '{file.name}' match '{name}': leave one in the folder."
            )
        matches[name] = file
    if not matches:
        raise InputError(
            f"No picture in '{folder}' has the name of a rainy one, such as '{min(names)}.png': rename them."
        )
    return matches


def _pair_name(stem: str, names: set[str]) -> str | None:
    candidates = (stem, *(stem.removesuffix(suffix) for suffix in RESULT_SUFFIXES))
    return next((name for name in candidates if name in names), None)
