"""The Python API: a loaded model that is called with pictures.

Example:
    derainer = deraincli.load("balnet-lite")
    clean = derainer(image)
    half = derainer(image, strength=0.5, mask=mask)
    clean, maps = derainer(image, return_maps=True)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from typing import Any, Literal, NamedTuple, overload

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from deraincli.callbacks import OnProgress, OnWarning
from deraincli.errors import InputError
from deraincli.geometry import Size
from deraincli.imaging import metadata
from deraincli.imaging.arrays import plain_mode, upright
from deraincli.imaging.colour import as_rgb, rgb_to_grey
from deraincli.inference.backends.base import Backend
from deraincli.inference.passes import restore_in_passes
from deraincli.inference.tiled import Restored
from deraincli.inference.tiling import OverlapChoice, TileChoice
from deraincli.inference.working_size import SideChoice, check_side
from deraincli.restoration.control import Control
from deraincli.restoration.mask import as_array, mask_from

MaskImage = PIL.Image.Image | NDArray[Any]


class AttentionMaps(NamedTuple):
    """The attention maps of a restoration. They are None for networks without such maps."""

    ram: NDArray[np.float32] | None
    """Attention map of the rainy regions, H×W, 0–1."""
    cam: NDArray[np.float32] | None
    """Attention map of the clean regions, H×W, 0–1."""


class Derainer(ABC):
    """A loaded model. Calls share no state, so several threads may call it at the same time."""

    name: str
    """Name of the model."""
    device: str
    """The device that runs the model, such as cpu or cuda:0."""
    precision: str
    """The precision of the computation, such as fp32."""
    backend: str
    """The software that runs the model, such as eager or onnxruntime."""
    notes: tuple[str, ...]
    """Sentences for the user on settings that differ from the requested ones."""

    @overload
    def __call__(
        self,
        image: NDArray[Any],
        *,
        strength: float = 1.0,
        mask: MaskImage | None = None,
        protect: MaskImage | None = None,
        return_maps: Literal[False] = False,
    ) -> NDArray[Any]: ...
    @overload
    def __call__(
        self,
        image: PIL.Image.Image,
        *,
        strength: float = 1.0,
        mask: MaskImage | None = None,
        protect: MaskImage | None = None,
        return_maps: Literal[False] = False,
    ) -> PIL.Image.Image: ...
    @overload
    def __call__(
        self,
        image: NDArray[Any],
        *,
        strength: float = 1.0,
        mask: MaskImage | None = None,
        protect: MaskImage | None = None,
        return_maps: Literal[True],
    ) -> tuple[NDArray[Any], AttentionMaps]: ...
    @overload
    def __call__(
        self,
        image: PIL.Image.Image,
        *,
        strength: float = 1.0,
        mask: MaskImage | None = None,
        protect: MaskImage | None = None,
        return_maps: Literal[True],
    ) -> tuple[PIL.Image.Image, AttentionMaps]: ...
    def __call__(
        self,
        image: Any,
        *,
        strength: float = 1.0,
        mask: MaskImage | None = None,
        protect: MaskImage | None = None,
        return_maps: bool = False,
    ) -> Any:
        """Restores a picture.

        Args:
            image: A PIL image of mode L, LA, RGB or RGBA, or an array H×W×3 (RGB), H×W×1 or H×W (grey) of
                uint8, uint16, or floats in 0–1. A PIL image is turned upright as its EXIF says, because rain
                falls downwards in the picture as displayed.
            strength: Share of the change that is applied, 0 to 1.5. 0 returns the picture as it was, and
                values above 1 exaggerate the change.
            mask: A picture whose white parts are restored, and grey ones in part: a PIL image, or an array
                H×W, H×W×1 or H×W×3 of bool, uint8, uint16, or floats in 0–1. It may have any size of the
                same proportions. Transparent parts count as black.
            protect: A picture whose white parts are left alone, of the same kinds.
            return_maps: Whether to return the attention maps, too.

        Returns:
            An upright PIL image with the mode and the alpha channel of `image`, or an array with the shape
            and the dtype of `image`.
            With `return_maps`, a tuple of the picture and its AttentionMaps.

        Raises:
            InputError: `image` or a mask is anything else, or a mask has other proportions.
            UsageError: The strength is out of range, or the backend gives no maps.
            DeviceError: Not even the smallest tile fits in memory.
            ModelError: The network's output is not finite.
        """
        control = Control(
            strength,
            None if mask is None else mask_from(mask),
            None if protect is None else mask_from(protect),
        )
        if isinstance(image, PIL.Image.Image):
            pixels, alpha = _from_pillow(image)
            result = self.restore_in_part(pixels, control, maps=return_maps)
            answer: Any = _to_pillow(result.image, alpha, image)
        else:
            array = as_array(image)
            flat = array.ndim == 2
            result = self.restore_in_part(array[..., None] if flat else array, control, maps=return_maps)
            answer = result.image[..., 0] if flat else result.image
        return (answer, AttentionMaps(result.ram, result.cam)) if return_maps else answer

    def restore_in_part(
        self,
        pixels: NDArray[Any],
        control: Control,
        *,
        maps: bool = False,
        on_progress: OnProgress | None = None,
        on_warning: OnWarning | None = None,
    ) -> Restored:
        """Restores a picture, and applies a share of the change.

        `restore` describes the other arguments and the other errors.

        Args:
            pixels: The picture.
            control: The share of the change that each pixel gets.
            maps: Whether to return the attention maps, if the network has them.
            on_progress: Receives the number of finished tiles and the number of all tiles.
            on_warning: Receives sentences for the user.

        Returns:
            The restored picture, of the shape and dtype of `pixels`, and its maps.

        Raises:
            InputError: A mask has other proportions.
        """
        check_shape(pixels)
        control.check(Size(*pixels.shape[:2]))
        result = self.restore(pixels, maps=maps, on_progress=on_progress, on_warning=on_warning)
        return result._replace(image=control.apply(pixels, result.image))

    @property
    @abstractmethod
    def level_strides(self) -> tuple[int, ...]:
        """Strides of the encoder levels that use the maps, the finest level first.

        A stride is the number of pixels at the working size for each pixel of the level. Networks without
        such levels, and exports, have no strides.

        Raises:
            UsageError: The backend gives no maps.
        """

    @abstractmethod
    def select(self, pixels: NDArray[Any], *, on_warning: OnWarning | None = None) -> Derainer:
        """Returns the model that restores a picture.

        A video uses the choice for its first picture throughout, because a change of model would be visible.

        Args:
            pixels: The picture, as `restore` takes it.
            on_warning: Receives a sentence for the user if the choice is doubtful.
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
        """Restores a picture and reports progress.

        Args:
            pixels: H×W×3 (RGB) or H×W×1 (grey) of uint8, uint16, or floats in 0–1.
            maps: Whether to return the attention maps, if the network has them.
            levels: Whether to record the maps at every encoder level, too. This takes memory and never
                changes the picture.
            on_progress: Receives the number of finished tiles and the number of all tiles.
            on_warning: Receives sentences for the user.

        Returns:
            The picture, of the same shape and dtype, its maps, and how it was restored.

        Raises:
            InputError: The array has another shape or dtype.
            UsageError: The backend gives no maps.
            DeviceError: Not even the smallest tile fits in memory.
            ModelError: The network's output is not finite.
        """


class ModelDerainer(Derainer):
    """A single model on its device."""

    def __init__(
        self,
        name: str,
        backend: Backend,
        tile: TileChoice,
        overlap: OverlapChoice,
        working_side: SideChoice,
    ) -> None:
        """Combines a backend with the sizes of its work.

        Args:
            name: Name of the model.
            backend: The model on its device.
            tile: Side of the tiles in pixels, "auto" or "off".
            overlap: Pixels that neighbouring tiles share, or "auto".
            working_side: Shorter side in pixels of the first and finest pass, "auto" or "full".

        Raises:
            UsageError: A size is out of range.
        """
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
        """`Derainer.level_strides` of the network."""
        return self._backend.level_strides

    def select(self, pixels: NDArray[Any], *, on_warning: OnWarning | None = None) -> Derainer:
        """Returns this model for every picture.

        Args:
            pixels: The picture.
            on_warning: Receives nothing, because there is no choice.
        """
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
        """Restores a picture with this model.

        `Derainer.restore` describes the arguments and the errors.
        """
        check_shape(pixels)
        grey = pixels.shape[2] == 1
        run_tile = partial(
            self._backend.run_tile, maps=maps, levels=levels, on_progress=on_progress, on_warning=on_warning
        )
        result = restore_in_passes(
            as_rgb(pixels),
            self._working_side,
            run_tile,
            self._tiling,
            on_progress=on_progress,
            on_warning=on_warning,
        )
        image = rgb_to_grey(result.image) if grey else result.image
        return result._replace(image=image, model=self.name)


def check_shape(pixels: NDArray[Any]) -> None:
    """Checks the shape of an array for `Derainer.restore`.

    Args:
        pixels: The array.

    Raises:
        InputError: The shape is neither H×W×3 nor H×W×1, or the array is empty.
    """
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3):
        raise InputError(
            "A picture is an array of H×W×3 (RGB), H×W×1 or H×W (grey), not one of shape "
            f"{pixels.shape}: reshape it, or remove further channels."
        )
    if pixels.size == 0:
        raise InputError(f"The array of shape {pixels.shape} has no pixels: check how it was read or cut.")


def _from_pillow(image: PIL.Image.Image) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        raise InputError(f"PIL images of mode {image.mode} are not accepted: {_replacement(image)}.")
    array = np.asarray(image)
    array = upright(array[..., None] if array.ndim == 2 else array, metadata.orientation(image))
    if image.mode in ("L", "RGB"):
        return array, None
    return np.ascontiguousarray(array[..., :-1]), array[..., -1]


def _replacement(image: PIL.Image.Image) -> str:
    """Returns what to give in place of a PIL image of another mode, so that nothing of it is lost."""
    if image.mode.startswith("I;16"):  # Pillow would convert all values above 255 to white
        return "give its array, numpy.asarray(image, numpy.uint16), which keeps the 16 bits"
    if image.mode in ("I", "F"):
        return "give an array of uint16, or of floats in 0–1"
    return f"convert the image first, image.convert('{plain_mode(image) or 'RGB'}')"


def _to_pillow(
    pixels: NDArray[np.uint8], alpha: NDArray[np.uint8] | None, source: PIL.Image.Image
) -> PIL.Image.Image:
    array = pixels if alpha is None else np.dstack([pixels, alpha])
    result = PIL.Image.fromarray(array[..., 0] if array.shape[2] == 1 else array)
    result.info.update(source.info)  # ICC profile, EXIF, XMP
    if metadata.orientation(source) != 1:
        exif, xmp, _ = metadata.corrected(source.info.get("exif"), source.info.get("xmp"), result.size)
        corrected = {"exif": exif and b"Exif\0\0" + exif, "xmp": xmp}
        result.info |= {name: value for name, value in corrected.items() if name in source.info}
    return result
