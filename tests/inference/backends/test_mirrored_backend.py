"""The self-ensemble: laws of the mean, and the options of the commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import deraincli
from deraincli.inference.backends.mirrored_backend import MirroredBackend
from deraincli.inference.backends.torch_backend import TorchBackend
from deraincli.models.checkpoint import load_model

SIZES = [(64, 96), (128, 128)]
"""Whole cells of the network, so that nothing is padded on one side."""


@pytest.fixture
def once(random_model: Path) -> TorchBackend:
    return TorchBackend(load_model(random_model)[0], device="cpu", precision="fp32")


def mirror(picture: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(picture[..., ::-1])


def a_tile(size: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(size[1]).random((3, *size), dtype=np.float32)


@pytest.mark.parametrize("size", SIZES)
def test_it_is_the_mean_of_both_results_and_of_both_maps(once: TorchBackend, size: tuple[int, int]) -> None:
    tile = a_tile(size)
    straight, turned = (once.run_tile(given, maps=True) for given in (tile, mirror(tile)))
    mean = MirroredBackend(once).run_tile(tile, maps=True)
    assert mean.shape == (5, *size)
    np.testing.assert_allclose(mean, (straight + mirror(turned)) / 2, atol=1e-5)
    assert not np.allclose(straight, mirror(turned), atol=1e-3)


@pytest.mark.parametrize("size", SIZES)
def test_a_mirrored_tile_gives_the_mirrored_result(once: TorchBackend, size: tuple[int, int]) -> None:
    both, tile = MirroredBackend(once), a_tile(size)
    np.testing.assert_allclose(both.run_tile(mirror(tile)), mirror(both.run_tile(tile)), atol=1e-5)


def a_picture() -> np.ndarray:
    return (255 * a_tile((64, 96)).transpose(1, 2, 0)).astype(np.uint8)


def test_progress_rises_to_its_end() -> None:
    """The classical methods report steps within a tile."""
    shares: list[float] = []
    derainer = deraincli.load("dsc", tile="off", ensemble=True)
    derainer.restore(a_picture(), on_progress=lambda done, total: shares.append(done / total))
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_the_commands_take_it(derain, random_model: Path, tmp_path: Path) -> None:
    """A batch makes its results again, because they have other pixels."""
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(a_picture()).save(photos / "a.png")
    model = ("-m", random_model, "--precision", "fp32")
    found = []
    for further in ((), ("--ensemble",)):
        done = derain("image", photos / "a.png", "-o", tmp_path / f"one{len(further)}.png", *model, *further)
        assert (done.code, ", ensemble; " in done.err) == (0, bool(further)), done.err
        done = derain("batch", photos, "-o", tmp_path / "many", *model, *further, "--overwrite", "--json")
        assert (done.code, json.loads(done.out)["ensemble"]) == (0, bool(further)), done.err
        files = (tmp_path / f"one{len(further)}.png", tmp_path / "many" / "a.png")
        one, many = (np.asarray(Image.open(file)) for file in files)
        np.testing.assert_array_equal(one, many)
        found.append(one)
    done = derain("batch", photos, "-o", tmp_path / "more", *model, "--ensemble", "--verbose")
    assert "in fp32, ensemble; " in done.err
    assert not np.array_equal(*found)
    expected = deraincli.load(str(random_model), precision="fp32", ensemble=True)(a_picture())
    np.testing.assert_array_equal(found[1], expected)
