"""One request from the content of a picture's file to the content of its result's file."""

from __future__ import annotations

import base64
import threading
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deraincli.callbacks import stop_when
from deraincli.geometry import Size
from deraincli.imaging.formats import HEAD_BYTES, format_named, recognise, result_format
from deraincli.restoration.control import Control
from deraincli.restoration.mask import decode_mask, mask_file
from deraincli.restoration.restore_file import SaveOptions, read_for, restore_picture
from deraincli.serve.loaded_models import LoadedModels
from deraincli.serve.options import RequestOptions
from deraincli.serve.uploads import Upload


@dataclass(frozen=True)
class Answer:
    """A restored picture, and how it was restored."""

    data: bytes
    """Content of the result's file."""
    format: str
    """A key of `imaging.formats.FORMATS`."""
    record: dict[str, object]
    """What `derain image --json` reports, with the notes."""
    ram: bytes | None
    """Attention map of the rainy regions, a grey PNG. None if it was not asked for or there is none."""
    cam: bytes | None
    """Attention map of the clean regions, a grey PNG. None if it was not asked for or there is none."""

    @property
    def media_type(self) -> str:
        """Media type of `data`."""
        return f"image/{self.format.lower()}"

    def json(self) -> dict[str, object]:
        """Returns everything as one JSON object, with the pictures in base64."""
        return {
            "record": self.record,
            "media_type": self.media_type,
            "picture": _base64(self.data),
            "ram": _base64(self.ram),
            "cam": _base64(self.cam),
        }


def restore_upload(
    models: LoadedModels, upload: Upload, options: RequestOptions, max_pixels: int, stop: threading.Event
) -> Answer:
    """Restores a picture as `derain image` does.

    Args:
        models: The models.
        upload: The picture.
        options: The options of the request.
        max_pixels: Largest number of pixels that is read.
        stop: Stops the work after the next tile.

    Raises:
        StoppedError: `stop` is set.
        DerainError: The picture cannot be restored.
    """
    notes: list[str] = []
    own = result_format(recognise(upload.picture[:HEAD_BYTES]) or "PNG")
    named = own if options.format is None else format_named(options.format)
    save = SaveOptions(named, options.quality, options.metadata == "keep")
    start = time.perf_counter()
    picture = read_for(save, upload.picture, max_pixels=max_pixels, on_note=notes.append)
    seconds = time.perf_counter() - start

    derainer = models.open(options.model, options.task)
    notes += derainer.notes
    control = _control(options, upload, Size(*picture.pixels.shape[:2]), max_pixels)
    restored = restore_picture(
        derainer,
        picture,
        save,
        control=control,
        maps=options.maps,
        on_progress=stop_when(stop),
        on_note=notes.append,
    )
    record = restored.record(derainer, seconds) | {"strength": options.strength, "notes": notes}
    return Answer(restored.data, named, record, _map_file(restored.maps.ram), _map_file(restored.maps.cam))


def _control(options: RequestOptions, upload: Upload, size: Size, max_pixels: int) -> Control:
    """Returns the strength and the masks of a request, which fit a picture of a size."""
    masks = {
        name: decode_mask(data, f"The file '{name}'", max_pixels=max_pixels)
        for name, data in upload.masks.items()
    }
    control = Control(options.strength, masks.get("mask"), masks.get("protect"))
    control.check(size)
    control.refuse_empty_mask()
    return control


def _map_file(values: NDArray[np.float32] | None) -> bytes | None:
    """Returns an attention map, H×W in 0–1, as a grey PNG."""
    return None if values is None else mask_file(values, "PNG")


def _base64(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()
