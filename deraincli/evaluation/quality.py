"""BRISQUE and CLIP-IQA, two measures of quality without ground truth, computed by the library piq.

Mittal et al., "No-reference image quality assessment in the spatial domain", TIP 2012; Wang et al.,
"Exploring CLIP for assessing the look and feel of images", AAAI 2023. The extra `quality` installs piq, which
downloads its weights when they are first needed.
"""

from __future__ import annotations

import importlib
import io
import math
import os
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from deraincli.callbacks import OnWarning
from deraincli.errors import InputError, ModelError
from deraincli.imaging.colour import as_rgb
from deraincli.inference.tiled import unit_range
from deraincli.pixels import Pixels
from deraincli.runtime.installation import install_command, is_installed

if TYPE_CHECKING:
    import torch

LEAST_SIDE = 32
"""Shortest side in pixels that both measures accept. CLIP-IQA halves a picture five times."""
_RELEASES = "https://github.com/photosynthesis-team/piq/releases/download"


class Quality(NamedTuple):
    """How good a picture looks by itself, whatever it shows."""

    brisque: float
    """BRISQUE: about 0 for a flawless photo, 100 for a very poor one."""
    clip_iqa: float
    """CLIP-IQA: 0 for a poor photo, 1 for a good one."""


class _Weights(NamedTuple):
    """Where the weights of a measure are."""

    measure: str
    """Name of the measure."""
    files: tuple[Path, ...]
    """Where the library keeps them."""
    urls: tuple[str, ...]
    """Where the library downloads each of them from."""
    size: str
    """Size of the download in words."""


class QualityMeasures:
    """Both measures. One thread computes them, because a large photo takes gigabytes of memory."""

    def __init__(self, on_note: OnWarning) -> None:
        """Loads both measures, and downloads their weights unless they are on this machine.

        Args:
            on_note: Receives a sentence before a download.

        Raises:
            ModelError: The library is not installed, or its weights are damaged or cannot be downloaded.
        """
        if not is_installed("piq"):
            raise ModelError(
                f"BRISQUE and CLIP-IQA need the library piq: run `{install_command('quality')}`."
            )
        import torch

        piq = importlib.import_module("piq")
        brisque, clip = _brisque_weights(), _clip_weights()
        with _loading(brisque, on_note):
            piq.brisque(torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0)))
        with _loading(clip, on_note):
            self._clip_iqa = piq.CLIPIQA()
        self._brisque: Callable[[torch.Tensor], torch.Tensor] = piq.brisque
        self._thread = ThreadPoolExecutor(max_workers=1)
        self.version = f"piq {version('piq')}"

    def __call__(self, pixels: Pixels) -> Quality:
        """Measures a picture.

        Args:
            pixels: The picture, H×W×C, uint8 or uint16, with C = 1 or 3.

        Raises:
            InputError: The picture is smaller than LEAST_SIDE, too large for the memory, or has no texture.
        """
        if min(pixels.shape[:2]) < LEAST_SIDE:
            raise InputError(
                f"{pixels.shape[1]}×{pixels.shape[0]} is smaller than the {LEAST_SIDE} pixels a side that "
                "CLIP-IQA needs: leave the picture out."
            )
        return self._thread.submit(self._measure, pixels).result()

    def _measure(self, pixels: Pixels) -> Quality:
        import torch

        from deraincli.inference.backends.torch_memory import is_out_of_memory

        image = torch.from_numpy(unit_range(as_rgb(pixels)).transpose(2, 0, 1).copy())[None]
        with torch.inference_mode():
            try:
                quality = Quality(float(self._brisque(image)), float(self._clip_iqa(image)))
            except AssertionError:  # how the library refuses a flat picture
                quality = Quality(math.nan, math.nan)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                raise InputError("The memory is too small to measure the picture: leave it out.") from error
        if not all(map(math.isfinite, quality)):
            raise InputError("BRISQUE cannot measure a picture without texture: leave the picture out.")
        return quality


def _brisque_weights() -> _Weights:
    import torch

    name = "brisque_svm_weights.pt"
    file = Path(torch.hub.get_dir()) / "checkpoints" / name
    return _Weights("BRISQUE", (file,), (f"{_RELEASES}/v0.4.0/{name}",), "less than 1 MB")


def _clip_weights() -> _Weights:
    names = ("RN50.pt", "clipiqa_tokens.pt")
    folder = Path(os.path.expanduser("~/.cache/clip"))  # noqa: PTH111 (as the library, also without a home)
    files, urls = zip(*((folder / name, f"{_RELEASES}/v0.7.1/{name}") for name in names), strict=True)
    return _Weights("CLIP-IQA", files, urls, "about 250 MB")


@contextmanager
def _loading(weights: _Weights, on_note: OnWarning) -> Iterator[None]:
    """Describes a failure to load weights. Removes what a failed or interrupted download leaves."""
    missing = {file: url for file, url in zip(weights.files, weights.urls, strict=True) if not file.exists()}
    if missing:
        on_note(
            f"Downloading the weights of {weights.measure} ({weights.size}) to {weights.files[0].parent}."
        )
    try:
        # The library prints on standard output, which belongs to results.
        with warnings.catch_warnings(action="ignore"), redirect_stdout(io.StringIO()):
            yield
    except BaseException as error:
        for file in missing:
            file.unlink(missing_ok=True)
        if not isinstance(error, Exception):
            raise
        raise ModelError(_refusal(weights, missing, error)) from error


def _refusal(weights: _Weights, missing: dict[Path, str], error: Exception) -> str:
    if missing:
        by_hand = ", ".join(f"{url} as '{file}'" for file, url in missing.items())
        reason: Any = getattr(error, "reason", error)
        return (
            f"The weights of {weights.measure} cannot be downloaded ({reason}): connect to the "
            f"internet once, or save {by_hand}."
        )
    files = " and ".join(f"'{file}'" for file in weights.files)
    return f"The weights of {weights.measure} are damaged: delete {files}, and run the command again."
