"""The Python API: a loaded model that is called on pictures.

derainer = deraincli.load("balnet-lite")
clean = derainer(image)
clean, maps = derainer(image, return_maps=True)
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from functools import partial
from typing import Any, Literal, NamedTuple, overload

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from deraincli.callbacks import OnProgress, OnWarning
from deraincli.errors import InputError
from deraincli.imaging.colour import grey_to_rgb, rgb_to_grey
from deraincli.inference.backends.base import Backend
from deraincli.inference.tiled import Restored
from deraincli.inference.working_size import SideChoice, check_side, restore_at_working_size

TileChoice = int | Literal["auto", "off"]
OverlapChoice = int | Literal["auto"]


class AttentionMaps(NamedTuple):
    """The attention maps that steered a restoration; None for networks without them."""

    ram: NDArray[np.float32] | None
    """H×W in 0–1: rainy regions related attention map."""
    cam: NDArray[np.float32] | None
    """H×W in 0–1: clean regions related attention map."""


class Derainer(ABC):
    """A loaded model. Calls share no state, so several threads may call it at once."""

    name: str
    """The model's name."""
    device: str
    precision: str
    backend: str
    notes: tuple[str, ...]
    """Sentences for the user: what is not as asked for."""

    @overload
    def __call__(self, image: NDArray[Any], *, return_maps: Literal[False] = False) -> NDArray[Any]: ...
    @overload
    def __call__(self, image: PIL.Image.Image, *, return_maps: Literal[False] = False) -> PIL.Image.Image: ...
    @overload
    def __call__(
        self, image: NDArray[Any], *, return_maps: Literal[True]
    ) -> tuple[NDArray[Any], AttentionMaps]: ...
    @overload
    def __call__(
        self, image: PIL.Image.Image, *, return_maps: Literal[True]
    ) -> tuple[PIL.Image.Image, AttentionMaps]: ...
    def __call__(self, image: Any, *, return_maps: bool = False) -> Any:
        """Restores a picture and returns one of the same kind.

        Args:
            image: a PIL image of mode L, LA, RGB or RGBA (alpha is carried through), or an array H×W×3
                (RGB), H×W×1 or H×W (grey) of uint8, uint16, or floats in 0–1.
            return_maps: whether to return the attention maps, too.

        Raises:
            InputError: `image` is anything else.
        """
        if isinstance(image, PIL.Image.Image):
            pixels, alpha = _from_pillow(image)
            result = self.restore(pixels, maps=return_maps)
            answer: Any = _to_pillow(result.image, alpha, image)
        else:
            array = _as_array(image)
            flat = array.ndim == 2
            result = self.restore(array[..., None] if flat else array, maps=return_maps)
            answer = result.image[..., 0] if flat else result.image
        return (answer, AttentionMaps(result.ram, result.cam)) if return_maps else answer

    @property
    @abstractmethod
    def level_strides(self) -> tuple[int, ...]:
        """Pixels at the working size per pixel of each encoder level that the maps enter, the finest first.

        Networks without such levels have none. Raises UsageError if the backend gives no maps.
        """

    @abstractmethod
    def select(self, pixels: NDArray[Any]) -> Derainer:
        """Returns the model that restores a picture.

        A video keeps the choice of its first picture, because a change amid it would be seen.

        Args:
            pixels: The picture, as `restore` takes it.
        """

    @abstractmethod
    def restore(
        self,
        pixels: NDArray[Any],
        *,
        maps: bool = False,
        levels: bool = False,
        on_progress: OnProgress | None = None,
        on_warning: OnWarning | None = None,
    ) -> Restored:
        """Restores a picture and reports on the way.

        Args:
            pixels: H×W×3 (RGB) or H×W×1 (grey) of uint8, uint16, or floats in 0–1.
            maps: Whether to return the attention maps, if the network has them.
            levels: Whether to record the maps at every encoder level, too. It takes memory and never changes
                the picture.
            on_progress: Receives the tiles done and their number.
            on_warning: Receives sentences for the user.

        Returns:
            The picture, of the same shape and dtype, its maps, and how it was restored.

        Raises:
            InputError: The array is no such picture.
            UsageError: The backend gives no maps.
            DeviceError: Not even the smallest tile fits in memory.
            ModelError: The network's answer is not finite.
        """


class ModelDerainer(Derainer):
    """One model on its device."""

    def __init__(
        self,
        name: str,
        backend: Backend,
        tile: TileChoice,
        overlap: OverlapChoice,
        working_side: SideChoice,
    ) -> None:
        """Raises UsageError for sizes that cannot be."""
        check_side(working_side)
        self.name = name
        self.device = str(backend.device)
        self.precision = backend.precision
        self.backend = backend.backend
        self.notes = backend.notes
        self._backend = backend
        self._tiling = backend.tiling(tile, overlap)
        self._working_side = working_side

    @property
    def level_strides(self) -> tuple[int, ...]:
        """As `Derainer.level_strides`."""
        return self._backend.level_strides

    def select(self, pixels: NDArray[Any]) -> Derainer:
        """Returns this model."""
        return self

    def restore(
        self,
        pixels: NDArray[Any],
        *,
        maps: bool = False,
        levels: bool = False,
        on_progress: OnProgress | None = None,
        on_warning: OnWarning | None = None,
    ) -> Restored:
        """As `Derainer.restore`."""
        check_shape(pixels)
        grey = pixels.shape[2] == 1
        run_tile = partial(
            self._backend.run_tile, maps=maps, levels=levels, on_progress=on_progress, on_warning=on_warning
        )
        colour = grey_to_rgb(pixels) if grey else pixels
        result = restore_at_working_size(
            colour, self._working_side, run_tile, self._tiling, on_progress=on_progress, on_warning=on_warning
        )
        image = rgb_to_grey(result.image) if grey else result.image
        return result._replace(image=image, model=self.name)


def check_shape(pixels: NDArray[Any]) -> None:
    """Raises InputError for an array of a shape that `Derainer.restore` does not take."""
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3):
        raise InputError(
            "A picture is an array of H×W×3 (RGB), H×W×1 or H×W (grey), not one of shape "
            f"{pixels.shape}: reshape it, or remove further channels."
        )
    if pixels.size == 0:
        raise InputError(f"The array of shape {pixels.shape} has no pixels: check how it was read or cut.")


def _as_array(image: Any) -> NDArray[Any]:
    """What a caller passed as an array. Raises InputError for a path, and for what is no array."""
    if isinstance(image, str | os.PathLike):
        raise InputError(
            f"'{os.fspath(image)}' is a path, not a picture: open it first, with PIL.Image.open(path)."
        )
    try:
        return np.asarray(image)
    except ValueError as error:
        raise InputError("A picture is a PIL image or an array, not a list of unequal rows.") from error


def _from_pillow(image: PIL.Image.Image) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        raise InputError(
            f"PIL images of mode {image.mode} are not restored: convert it first, image.convert('RGB')."
        )
    array = np.asarray(image)
    if image.mode == "L":
        return array[..., None], None
    if image.mode == "RGB":
        return array, None
    return np.ascontiguousarray(array[..., :-1]), array[..., -1]


def _to_pillow(
    pixels: NDArray[np.uint8], alpha: NDArray[np.uint8] | None, source: PIL.Image.Image
) -> PIL.Image.Image:
    array = pixels if alpha is None else np.dstack([pixels, alpha])
    result = PIL.Image.fromarray(array[..., 0] if array.shape[2] == 1 else array)
    result.info.update(source.info)  # ICC profile, EXIF, XMP
    return result
