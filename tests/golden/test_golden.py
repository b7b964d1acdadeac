"""The outputs of the shipped models are those of the golden table, on every backend.

Weights that changed, or outputs that changed on purpose: `python tests/golden/rebuild.py` makes the table
anew, and CHANGELOG.md names the change.
"""

from __future__ import annotations

import numpy as np
import pytest
from golden_pictures import as_rgb8
from golden_table import BACKENDS, inputs, outputs, read_sheet, read_table

from deraincli.model_zoo.catalogue import SHIPPED

ANEW = "run python tests/golden/rebuild.py, and name the change in CHANGELOG.md"
CLIP_LEVELS = 3
"""Largest difference in a clip: the filter over time makes up to three levels of one."""


def test_the_table_is_of_the_weights_that_ship_and_whole() -> None:
    weights, rows = read_table()
    assert weights == {name: model.sha256 for name, model in SHIPPED.items()}, ANEW
    assert set(rows) == {
        (model, backend, name) for model in SHIPPED for backend in BACKENDS for name in inputs(model)
    }
    assert all(row.off_max == 0 for (_, backend, _), row in rows.items() if backend == "fp32"), ANEW


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("model", SHIPPED)
def test_outputs_are_as_ever(model: str, backend: str) -> None:
    """In fp32 within one level: CPUs and libraries sum in other orders, which may round a pixel otherwise.

    bf16 keeps eight bits of a number, and CPUs with and without instructions for it round in other places. So
    its outputs only have to stay about as near to fp32 as they were: at most twice the table's difference.
    """
    if backend == "onnxruntime":
        pytest.importorskip("onnxruntime")
    golden, rows = read_sheet(model), read_table()[1]
    for name, result in outputs(model, backend).items():
        off = np.abs(as_rgb8(result).astype(int) - golden[name])
        if backend == "bf16":
            row = rows[model, backend, name]
            assert off.max() <= 2 * row.off_max + 1, name
            assert off.mean() <= 2 * row.off_mean + 0.1, name
        else:
            assert off.max() <= (CLIP_LEVELS if name.startswith("clip") else 1), f"{name}: {ANEW}"
