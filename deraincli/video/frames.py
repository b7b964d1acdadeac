"""Converts a video's frames to upright RGB arrays and back, with the colour matrix and range as tagged."""

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
"""Flags of FFmpeg's scaler. Without the last three, luma loses a whole level on the way to RGB and back."""


def display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    """Returns the transformation for showing a frame: nine integers as in the container, or None."""
    if Type.DISPLAYMATRIX not in (data.type for data in frame.side_data):
        return None
    return tuple(np.frombuffer(bytes(frame.side_data[Type.DISPLAYMATRIX]), np.int32).tolist())


class Converter:
    """Unpacks frames to arrays, and packs restored arrays into frames for the encoder."""

    def __init__(self, encoding: Encoding, quarter_turns: int) -> None:
        """Prepares the conversion.

        Args:
            encoding: The encoding of the output.
            quarter_turns: Counterclockwise quarter turns that make frames upright, so that rain falls down.
        """
        self._encoding = encoding
        self._turns = quarter_turns
        self._to_rgb = VideoReformatter()
        self._from_rgb = VideoReformatter()

    def unpack(self, frame: VideoFrame) -> tuple[VideoFrame, NDArray[Any]]:
        """Converts a frame to RGB at the encoding's size.

        Returns:
            The RGB frame, not yet upright, and its pixels: an upright H×W×3 array of uint8, or of uint16 if
            the frame has more than 8 bits per sample.
        """
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
        """Returns a frame for the encoder with new pixels.

        Args:
            rgb: The RGB frame that `unpack` returned. Its pixels are overwritten, everything else is kept.
            pixels: The new pixels, of the shape and dtype that `unpack` returned.
        """
        _rows(rgb)[:] = np.rot90(pixels, -self._turns)
        return self.keep(rgb)

    def keep(self, frame: VideoFrame) -> VideoFrame:
        """Returns a frame for the encoder with the same content as `frame`."""
        packed = self._from_rgb.reformat(
            frame,
            width=self._encoding.width,
            height=self._encoding.height,
            format=self._encoding.pix_fmt,
            dst_colorspace=self._encoding.colorspace,
            dst_color_range=self._encoding.color_range,
            interpolation=EXACT,
        )
        packed.pict_type = PictureType.NONE  # otherwise the encoder copies the source's choice of key frames
        return packed


def _rows(rgb: VideoFrame) -> NDArray[Any]:
    """Returns a writable view of a packed RGB frame, H×W×3."""
    dtype = np.uint16 if rgb.format.name == "rgb48le" else np.uint8
    plane = rgb.planes[0]
    flat: NDArray[Any] = np.frombuffer(plane, dtype)
    stride = plane.line_size // flat.itemsize
    return flat.reshape(-1, stride)[: rgb.height, : 3 * rgb.width].reshape(rgb.height, rgb.width, 3)
