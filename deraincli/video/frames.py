"""Pictures between a video's frames and upright RGB arrays, with colour matrix and range as tagged."""

from __future__ import annotations

from typing import Any

import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from deraincli.video.encoder import Encoding

EXACT = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
)
"""Without the last three, brightness alone loses a whole level on the way to RGB and back."""


def display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    """The transformation for showing a frame, nine numbers as in the container; None without one."""
    if Type.DISPLAYMATRIX not in (data.type for data in frame.side_data):
        return None
    return tuple(np.frombuffer(bytes(frame.side_data[Type.DISPLAYMATRIX]), np.int32).tolist())


class Converter:
    """Unpacks frames to arrays and packs the restored arrays into frames like them."""

    def __init__(self, encoding: Encoding, quarter_turns: int) -> None:
        """`quarter_turns`: how often frames turn counterclockwise to stand upright, so that rain falls."""
        self._encoding = encoding
        self._turns = quarter_turns
        self._to_rgb = VideoReformatter()
        self._from_rgb = VideoReformatter()

    def unpack(self, frame: VideoFrame) -> tuple[VideoFrame, NDArray[Any]]:
        """The frame in RGB and the encoding's size, and its pixels: upright H×W×3 of uint8, or of uint16
        where the frame has more than 8 bits."""
        deep = max(component.bits for component in frame.format.components) > 8
        rgb = self._to_rgb.reformat(
            frame,
            width=self._encoding.width,
            height=self._encoding.height,
            format="rgb48le" if deep else "rgb24",
            interpolation=EXACT,
        )
        rgb.make_writable()  # the decoder may still refer to the original
        return rgb, np.ascontiguousarray(np.rot90(_rows(rgb), self._turns))

    def pack(self, rgb: VideoFrame, pixels: NDArray[Any]) -> VideoFrame:
        """A frame for the encoder: `pixels` as `unpack` shapes them, everything else from its `rgb`."""
        _rows(rgb)[:] = np.rot90(pixels, -self._turns)
        return self.keep(rgb)

    def keep(self, frame: VideoFrame) -> VideoFrame:
        """A frame for the encoder that shows what `frame` shows."""
        packed = self._from_rgb.reformat(
            frame,
            width=self._encoding.width,
            height=self._encoding.height,
            format=self._encoding.pix_fmt,
            dst_colorspace=self._encoding.colorspace,
            dst_color_range=self._encoding.color_range,
            interpolation=EXACT,
        )
        packed.pict_type = PictureType.NONE  # or else the encoder copies the source's choice of key pictures
        return packed


def _rows(rgb: VideoFrame) -> NDArray[Any]:
    """A writable view of a packed RGB frame, H×W×3."""
    dtype = np.uint16 if rgb.format.name == "rgb48le" else np.uint8
    plane = rgb.planes[0]
    flat: NDArray[Any] = np.frombuffer(plane, dtype)
    stride = plane.line_size // flat.itemsize
    return flat.reshape(-1, stride)[: rgb.height, : 3 * rgb.width].reshape(rgb.height, rgb.width, 3)
