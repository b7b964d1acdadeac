"""The comparison of exports with PyTorch: it sees differences, and pads as restoring does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from deraincli.export.formats import EXPORT_FORMATS
from deraincli.export.parity import as_batch, difference, rainy_photos
from deraincli.imaging.decode import decode
from deraincli.inference.tiled import restore_tiled
from deraincli.inference.tiling import Tiling
from deraincli.models.checkpoint import load_model

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("rainy_*.jpg"))


def test_padding_is_that_of_restoring() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (37, 70, 3), dtype=np.uint8)
    seen = []

    def run_tile(tile: np.ndarray) -> np.ndarray:
        seen.append(tile.copy())
        return tile

    restore_tiled(picture, run_tile, Tiling(None, 0, 32))
    np.testing.assert_array_equal(as_batch(picture, 32)[0], seen[0])


@pytest.mark.parametrize("gap", [0.0, 0.25])
def test_a_difference_is_seen(small_model: Path, gap: float) -> None:
    network, _ = load_model(small_model)
    pictures = [np.random.default_rng(seed).integers(0, 256, (40, 50, 3), dtype=np.uint8) for seed in (0, 1)]

    def run(rainy: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            answer = network(torch.from_numpy(rainy)).image.numpy()
        answer[:, :, 0] += gap  # one row of 64
        return answer

    told: list[tuple[int, int]] = []
    found = difference(network, run, pictures, 32, lambda *progress: told.append(progress))
    assert told == [(1, 2), (2, 2)]
    assert found.maximum == pytest.approx(gap, abs=1e-6)
    assert found.mean == pytest.approx(gap / 64, abs=1e-6)
    assert found.pictures == 2


def test_photos_are_rainy_and_the_same_each_time() -> None:
    import skimage.data

    first, again = list(rainy_photos()), list(rainy_photos())
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert first[0].mean() > skimage.data.astronaut().mean()


def test_an_export_restores_the_examples_as_pytorch_does(small_model: Path, small_export: Path) -> None:
    network, _ = load_model(small_model)
    pictures = [decode(path, max_pixels=10**6).pixels for path in EXAMPLES]
    assert pictures
    run = EXPORT_FORMATS["onnx"].load(small_export.read_bytes())
    assert difference(network, run, pictures, 32).maximum <= 1e-4
