"""What an evaluation compares: the rainy input, models, and folders of ready results."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from deraincli.datasets.pairs import Pair
from deraincli.errors import InputError
from deraincli.files.atomic import write_atomically
from deraincli.files.walk import pictures
from deraincli.imaging.decode import decode, open_regular
from deraincli.imaging.encode import encode
from deraincli.imaging.image import Image, Pixels

if TYPE_CHECKING:
    from deraincli.callbacks import OnWarning
    from deraincli.inference.tiled import Restored

RESULT_SUFFIXES = (".derained", "_derained", "_x")
"""What restoring programs append to a picture's name."""


class Method(Protocol):
    """Something that is scored: it has a restored picture for every pair."""

    name: str

    def identity(self, pair: Pair) -> str:
        """What the restored picture depends on besides the pair: equal identities, equal pictures."""

    def restored(self, pair: Pair, rainy: Pixels) -> Pixels:
        """The restored picture, H×W×C; InputError where there is none."""


class RainyInput:
    """The rainy picture itself: what doing nothing scores."""

    name = "rainy input"

    def identity(self, pair: Pair) -> str:
        """Every pair's own rainy picture."""
        return self.name

    def restored(self, pair: Pair, rainy: Pixels) -> Pixels:
        """The rainy picture as it is."""
        return rainy


class PrecomputedResults:
    """A folder of restored pictures, matched by name with or without one of RESULT_SUFFIXES."""

    def __init__(self, name: str, folder: Path, pairs: Sequence[Pair], *, max_pixels: int) -> None:
        """Match the folder's pictures to pairs; InputError when there is no folder, nothing in it matches,
        or two of its pictures claim the same pair.
        """
        self.name = name
        self._folder = folder
        self._max_pixels = max_pixels
        self._files = _match_results(folder, {pair.name for pair in pairs})

    def identity(self, pair: Pair) -> str:
        """Returns the SHA-256 of the result's file. Raises InputError if it cannot be read."""
        path = self._files.get(pair.name)
        if path is None:
            return "missing"
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def restored(self, pair: Pair, rainy: Pixels) -> Pixels:
        """The result's file, decoded."""
        file = self._files.get(pair.name)
        if file is None:
            raise InputError(f"There is no result for '{pair.name}' in '{self._folder}': add it.")
        return decode(file, max_pixels=self._max_pixels).pixels


class Restorer(Protocol):
    """What a model must do to be scored; `deraincli.restoration.derainer.Derainer` is one."""

    device: str
    precision: str

    def restore(self, pixels: Pixels, *, on_warning: OnWarning | None = None) -> Restored:
        """H×W×3 or H×W×1 → the same shape and dtype, so rounded as a file would be."""


class ModelMethod:
    """A model that restores every picture anew.

    folder: where the results are kept as NAME.png; None if they are not.
    seconds: how long it has been restoring so far.
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
        """identity: stands for weights, precision and whatever else the result depends on."""
        self.name = name
        self.folder = folder
        self.seconds = 0.0
        self._restorer = restorer
        self._identity = identity
        self._on_warning = on_warning
        self._tiles: set[str] = set()
        # One thread for all: a device runs one picture at a time, and compiled graphs belong to a thread.
        self._thread = ThreadPoolExecutor(max_workers=1)

    @property
    def facts(self) -> dict[str, str | None]:
        """Device, precision, and how pictures were cut, None if none had to be restored."""
        return {
            "device": self._restorer.device,
            "precision": self._restorer.precision,
            "tile": ", ".join(sorted(self._tiles)) or None,
        }

    def __str__(self) -> str:
        pictures = f", pictures {self.facts['tile']}" if self._tiles else ""
        return f"{self.name} on {self._restorer.device} in {self._restorer.precision}{pictures}"

    def identity(self, pair: Pair) -> str:
        """The model, and where its results are kept."""
        return f"{self._identity} in {self.folder}"

    def restored(self, pair: Pair, rainy: Pixels) -> Pixels:
        """Restore the picture, and keep it where a folder is set."""
        pixels = self._thread.submit(self._run, rainy).result()
        if self.folder is not None:
            picture = Image(pixels, alpha=None, icc=None, exif=None, xmp=None, format="PNG")
            write_atomically(self.folder / f"{pair.name}.png", encode(picture, "PNG"), overwrite=True)
        return pixels

    def _run(self, rainy: Pixels) -> Pixels:
        start = time.perf_counter()
        result = self._restorer.restore(rainy, on_warning=self._on_warning)
        self.seconds += time.perf_counter() - start
        self._tiles.add("whole" if result.whole else f"in tiles of {result.tile}")
        return result.image


def _match_results(folder: Path, names: set[str]) -> dict[str, Path]:
    if not folder.is_dir():
        raise InputError(f"'{folder}' is no folder: name the one that holds the restored pictures.")
    matches: dict[str, Path] = {}
    for file in pictures(folder):
        name = _pair_name(file.stem, names)
        if name is None:
            continue
        if name in matches:
            raise InputError(
                f"Both '{matches[name]}' and '{file.name}' claim '{name}': leave one in the folder."
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
