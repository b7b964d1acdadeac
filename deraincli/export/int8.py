"""Quantises a network to int8 with ONNX Runtime's static quantiser and measures the PSNR lost."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deraincli.datasets.pairs import Pair, read_pair
from deraincli.errors import InputError
from deraincli.evaluation.metrics import PROTOCOLS
from deraincli.evaluation.score_pairs import Restore, score_pairs
from deraincli.export.formats import RunExport, describe
from deraincli.export.parity import as_batch
from deraincli.imaging.colour import as_rgb
from deraincli.inference.backends.export_metadata import Description
from deraincli.inference.tiled import restore_tiled
from deraincli.inference.tiling import Tiling
from deraincli.pixels import Pixels
from deraincli.runtime.process import quiet_log

ALLOWED_LOSS = 0.05
"""Largest accepted loss of PSNR by int8, in dB."""

CALIBRATION_PICTURES = 8
"""Largest number of pictures used for calibration."""
CALIBRATION_SIDE = 320
"""Largest side of a calibration picture in pixels. Larger pictures are cropped.

The quantiser keeps all activations of all calibration pictures in memory.
"""

KEPT_IN_FLOAT = (".stem.", ".head.", ".reduce.", ".expand.")
"""Parts of the weight names of convolutions that stay in float.

These are the first and last convolutions and those of the squeeze-and-excitation gates. They take little
time and affect PSNR most. On balnet-lite, int8 loses 0.08 dB with all convolutions quantised and 0.04 dB
without these.
"""


class Loss(NamedTuple):
    """PSNR of fp32 and int8 on a paired set, by protocol `prenet`."""

    fp32: float
    """Mean PSNR of fp32 in dB."""
    int8: float
    """Mean PSNR of int8 in dB."""
    pictures: int
    """Number of pictures scored."""

    @property
    def decibels(self) -> float:
        """PSNR lost by int8, in dB."""
        return self.fp32 - self.int8


def split_pairs(pairs: Sequence[Pair]) -> tuple[Sequence[Pair], Sequence[Pair]]:
    """Splits pairs into a calibration set and a disjoint set to score.

    Args:
        pairs: All pairs. The calibration pairs are spread evenly over them.

    Returns:
        The pairs to calibrate with and the pairs to score.

    Raises:
        InputError: There are fewer than two pairs.
    """
    if len(pairs) < 2:
        raise InputError("int8 needs two pairs at least, one to calibrate with and one to score: add some.")
    count = min(CALIBRATION_PICTURES, len(pairs) // 2)
    chosen = {round(place) for place in np.linspace(0, len(pairs) - 1, count)}
    return (
        [pair for place, pair in enumerate(pairs) if place in chosen],
        [pair for place, pair in enumerate(pairs) if place not in chosen],
    )


def quantise(model: bytes, description: Description, pairs: Sequence[Pair], *, max_pixels: int) -> bytes:
    """Quantises the convolutions of an ONNX file to int8, except those of KEPT_IN_FLOAT.

    Weights have one scale per output channel. The ranges of activations are measured on the rainy pictures
    of `pairs`.

    Args:
        model: Content of the ONNX file in fp32.
        description: Metadata to store in the result.
        pairs: The pairs to calibrate with.
        max_pixels: Larger pictures are refused.

    Returns:
        The content of the quantised ONNX file.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    exact = onnx.load_from_string(model)
    # Hides the quantiser's advice to preprocess the graph, which these graphs do not need.
    with tempfile.TemporaryDirectory() as folder, quiet_log(None, logging.ERROR):
        file = Path(folder) / "int8.onnx"
        quantize_static(
            exact,
            file,
            _Calibration(pairs, description.size_multiple, max_pixels),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=[
                node.name
                for node in exact.graph.node
                if any(kept in name for name in node.input for kept in KEPT_IN_FLOAT)
            ],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        quantised = onnx.load(file)
    describe(quantised, description)
    return quantised.SerializeToString()


def calibration_batch(pair: Pair, multiple: int, *, max_pixels: int) -> NDArray[np.float32]:
    """Reads the upper left corner of a rainy picture, CALIBRATION_SIDE pixels a side, as a batch.

    Args:
        pair: The pair.
        multiple: Sides of the network's input are multiples of this.
        max_pixels: Larger pictures are refused.

    Returns:
        The batch 1×3×H×W, 0–1.
    """
    rainy, _ = read_pair(pair, max_pixels=max_pixels)
    return as_batch(as_rgb(rainy[:CALIBRATION_SIDE, :CALIBRATION_SIDE]), multiple)


def measure_loss(
    fp32: RunExport, int8: RunExport, pairs: Sequence[Pair], *, multiple: int, max_pixels: int
) -> Loss:
    """Scores the fp32 and int8 exports on whole pictures.

    Args:
        fp32: Runs the export in fp32.
        int8: Runs the export in int8.
        pairs: The pairs to score.
        multiple: Sides of the network's input are multiples of this.
        max_pixels: Larger pictures are refused.

    Returns:
        The mean PSNR of both exports and the number of pictures.
    """
    methods = {"fp32": _on_whole(fp32, multiple), "int8": _on_whole(int8, multiple)}
    means = score_pairs(pairs, methods, [PROTOCOLS["prenet"]], max_pixels=max_pixels)
    exact, quantised = (means[name]["prenet"].psnr for name in ("fp32", "int8"))
    return Loss(exact, quantised, len(pairs))


class _Calibration:
    """Supplies the quantiser's inputs, one batch per call, and None at the end."""

    def __init__(self, pairs: Sequence[Pair], multiple: int, max_pixels: int) -> None:
        self._batches = (calibration_batch(pair, multiple, max_pixels=max_pixels) for pair in pairs)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"rainy": batch}


def _on_whole(run: RunExport, multiple: int) -> Restore:
    """Returns a function that restores a whole picture, grey or RGB, as RGB."""

    def restore(rainy: Pixels) -> Pixels:
        whole = Tiling(None, 0, multiple)
        return restore_tiled(as_rgb(rainy), lambda tile: run(tile[None])[0], whole).image

    return restore
