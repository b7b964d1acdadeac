"""A camera raw for the tests: an uncompressed DNG whose sensor has the filters of Bayer."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import tifffile

WHITE = 16_000
"""White level of the sensor."""
_XYZ_TO_SRGB = (3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570)
_CFA, _D65 = 32803, 21


def write_dng(
    light: np.ndarray,
    neutral: tuple[float, float, float] = (0.5, 1.0, 0.7),
    orientation: int = 1,
    *,
    preview: bool = False,
    version: bool = True,
) -> bytes:
    """Returns a DNG (Adobe's specification, version 1.4) of a sensor whose colours are those of sRGB.

    Args:
        light: The scene, H×W×3 in linear sRGB, 0–1, with even sides.
        neutral: What the sensor sees of white, for each of its colours (AsShotNeutral).
        orientation: The orientation in EXIF.
        preview: Whether the first picture is a small black one, and the samples of the sensor lie below it.
        version: Whether the file says that it is a DNG. Raws of some makers look like one that does not.
    """
    seen = light * neutral * WHITE
    sensor = seen[..., 1].copy()
    sensor[::2, ::2], sensor[1::2, 1::2] = seen[::2, ::2, 0], seen[1::2, 1::2, 2]
    matrix = [part for value in _XYZ_TO_SRGB for part in (round(value * 10_000), 10_000)]
    balance = [part for value in neutral for part in (round(value * 1000), 1000)]
    of_camera = [
        (271, 2, 0, "Maker", True),
        (274, 3, 1, orientation, True),
        (50708, 2, 0, "Test camera", True),  # UniqueCameraModel
        (50721, 10, 9, matrix, True),  # ColorMatrix1
        (50728, 5, 3, balance, True),  # AsShotNeutral
        (50778, 3, 1, _D65, True),  # CalibrationIlluminant1
    ]
    if version:
        of_camera.append((50706, 1, 4, bytes((1, 4, 0, 0)), True))
    of_sensor = [
        (33421, 3, 2, (2, 2), True),  # CFARepeatPatternDim
        (33422, 1, 4, bytes((0, 1, 1, 2)), True),  # CFAPattern: red and green above green and blue
        (50714, 3, 1, 0, True),  # BlackLevel
        (50717, 4, 1, WHITE, True),  # WhiteLevel
    ]
    samples, file = sensor.round().astype(np.uint16), BytesIO()
    plain: dict[str, Any] = {"metadata": None, "software": False}
    with tifffile.TiffWriter(file) as tiff:
        if preview:
            small = np.zeros((8, 8, 3), np.uint8)
            tiff.write(small, photometric="rgb", subfiletype=1, subifds=1, extratags=of_camera, **plain)
            tiff.write(samples, photometric=_CFA, extratags=of_sensor, **plain)
        else:
            tiff.write(samples, photometric=_CFA, extratags=[*of_camera, *of_sensor], **plain)
    return file.getvalue()
