"""int8: which pictures calibrate, what is quantised, and how the loss is measured."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paired import write_set
from tiny_models import model_file

from deraincli.datasets.pairs import Pair, find_pairs, read_pair
from deraincli.errors import InputError, ModelError
from deraincli.export import int8
from deraincli.export.exporter import export_model

pytest.importorskip("onnxscript")


@given(st.integers(2, 60))
def test_no_picture_both_calibrates_and_scores(count: int) -> None:
    pairs = [Pair(str(n), Path(f"{n}.png"), Path(f"{n}.png")) for n in range(count)]
    calibration, scored = int8.split_pairs(pairs)
    assert sorted([*calibration, *scored], key=pairs.index) == pairs
    assert 1 <= len(calibration) <= int8.CALIBRATION_PICTURES
    assert scored


def test_one_pair_is_too_few() -> None:
    with pytest.raises(InputError, match="two pairs"):
        int8.split_pairs([Pair("a", Path("a.png"), Path("a.png"))])


def test_the_loss_is_that_of_the_clipped_rounded_luminance(tmp_path: Path) -> None:
    """Against the textbook formula, for runs whose answers are the picture plus a constant."""
    found = find_pairs(write_set(tmp_path, count=2, height=40, width=56))
    loss = int8.measure_loss(
        lambda rainy: rainy, lambda rainy: rainy + 0.11, found.pairs, multiple=32, max_pixels=10**6
    )

    def expected(gap: float) -> float:
        values = []
        for pair in found.pairs:
            rainy, clean = (picture.astype(float) for picture in read_pair(pair, max_pixels=10**6))
            restored = np.rint(np.clip(rainy / 255 + gap, 0, 1) * 255)
            error = (restored - clean) @ np.array([65.481, 128.553, 24.966]) / 255
            values.append(10 * math.log10(255**2 / np.mean(error**2)))
        return float(np.mean(values))

    assert loss.fp32 == pytest.approx(expected(0.0), abs=1e-3)
    assert loss.int8 == pytest.approx(expected(0.11), abs=1e-3)
    assert loss.decibels == pytest.approx(loss.fp32 - loss.int8)


def test_convolutions_are_quantised_and_the_loss_told(
    shallow_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnx

    monkeypatch.setattr("deraincli.export.exporter.ALLOWED_LOSS", 100.0)
    folder = write_set(tmp_path, count=4)
    exported = export_model(model_file(shallow_model), "onnx", "int8", pairs=folder)
    model = onnx.load_from_string(exported.data)
    weights = {tensor.name: tensor.data_type for tensor in model.graph.initializer if len(tensor.dims) == 4}
    assert onnx.TensorProto.INT8 in weights.values()
    assert exported.description.precision == "int8"
    assert exported.loss is not None
    assert exported.loss.pictures == 2
    assert 0 < exported.difference.maximum < 0.2


@pytest.mark.parametrize("target", ["onnx", "openvino"])
def test_too_great_a_loss_is_refused(
    shallow_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    monkeypatch.setattr("deraincli.export.exporter.ALLOWED_LOSS", -100.0)
    with pytest.raises(ModelError, match=r"int8 loses .* dB on 2 pictures"):
        export_model(model_file(shallow_model), target, "int8", pairs=write_set(tmp_path, count=4))


def test_openvino_takes_int8_by_the_same_rule(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from deraincli.inference.backends.openvino_file import read_model

    monkeypatch.setattr("deraincli.export.exporter.ALLOWED_LOSS", 100.0)
    folder = write_set(tmp_path, count=4)
    exported = export_model(model_file(small_model), "openvino", "int8", pairs=folder)
    types = [node.get_type_name() for node in read_model(exported.data).get_ops()]
    assert types.count("FakeQuantize") > types.count("Convolution") / 2
    assert exported.description.precision == "int8"
    assert exported.loss is not None
    assert exported.loss.pictures == 2
    assert 0 < exported.difference.maximum < 0.2
    assert capfd.readouterr() == ("", ""), "NNCF's own bars and notes"
