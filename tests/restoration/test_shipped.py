"""The weights that ship: intact, of use, harmless to dry pictures, and safe to call from threads."""

from __future__ import annotations

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import skimage.data
from skimage.metrics import peak_signal_noise_ratio

import deraincli
from deraincli.errors import ModelError
from deraincli.files.locations import weights_folder
from deraincli.model_zoo.catalogue import AUTO_MODEL, SHIPPED
from deraincli.model_zoo.resolve import resolve_model
from deraincli.models.checkpoint import load_model
from deraincli.models.header import sha256
from deraincli.rain.drop_styles import soft_style
from deraincli.rain.drops import add_drops
from deraincli.rain.synthesis import Recipe, synthesise
from deraincli.restoration.derainer import Derainer

EXAMPLES = Path(__file__).parents[2] / "examples"
DROP_MODELS = [name for name, model in SHIPPED.items() if "drop" in model.tasks]
STREAK_MODELS = [name for name, model in SHIPPED.items() if "streak" in model.tasks]


@pytest.fixture(scope="module")
def make_rain() -> ModuleType:
    """examples/make_rain.py, whose rain training never saw."""
    spec = importlib.util.spec_from_file_location("make_rain", EXAMPLES / "make_rain.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module", params=STREAK_MODELS)
def derainer(request: pytest.FixtureRequest) -> Derainer:
    return deraincli.load(request.param, precision="fp32")


@pytest.mark.parametrize("name", SHIPPED)
def test_the_file_is_the_one_the_catalogue_describes(name: str) -> None:
    assert sha256(weights_folder() / SHIPPED[name].file) == SHIPPED[name].sha256
    _, info = load_model(weights_folder() / SHIPPED[name].file)
    assert info.task in (*SHIPPED[name].tasks, "auto")


def test_every_default_ships_and_serves_its_task() -> None:
    for task, name in AUTO_MODEL.members.items():
        assert task in SHIPPED[name].tasks
        found = resolve_model(None, task)
        assert (found.name, [file.path for file in found.files]) == (
            name,
            [weights_folder() / SHIPPED[name].file],
        )


def test_the_default_depends_on_both_specialists() -> None:
    default = resolve_model(None)
    assert default == resolve_model(AUTO_MODEL.name)
    assert [file.name for file in default.files] == list(AUTO_MODEL.members.values())
    assert default.sha256.split() == [SHIPPED[name].sha256 for name in AUTO_MODEL.members.values()]


def test_a_file_is_hashed_once(tmp_path: Path) -> None:
    """Whoever holds the resolved model sees one hash, even if the file changes meanwhile."""
    path = tmp_path / "mine.safetensors"
    path.write_bytes(b"before")
    found = resolve_model(str(path))
    assert (found.name, found.files[0].given) == ("mine", str(path))
    assert found.sha256 == sha256(path)
    path.write_bytes(b"after")
    assert found.sha256 != sha256(path) == resolve_model(str(path)).sha256


def test_a_path_without_a_file_has_no_hash(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model file"):
        _ = resolve_model(str(tmp_path / "none.safetensors")).sha256


@pytest.mark.parametrize("photo", ["chelsea", "coffee"])
def test_streaks_are_removed(derainer: Derainer, make_rain: ModuleType, photo: str) -> None:
    """On rain that neither its generator nor its seeds have to do with training: at least 3 dB."""
    clean = getattr(skimage.data, photo)()
    rain = make_rain.rain_layer(*clean.shape[:2], seed=77)
    rainy = np.clip(clean + rain[..., None], 0, 255).round().astype(np.uint8)
    before, after = (peak_signal_noise_ratio(clean, picture) for picture in (rainy, derainer(rainy)))
    assert after > before + 3


@pytest.mark.parametrize("photo", ["chelsea", "coffee", "astronaut"])
def test_a_dry_picture_is_left_alone(derainer: Derainer, photo: str) -> None:
    clean = getattr(skimage.data, photo)()
    assert peak_signal_noise_ratio(clean, derainer(clean)) > 36


@pytest.mark.parametrize("name", DROP_MODELS)
@pytest.mark.parametrize("photo", ["coffee", "astronaut"])
def test_drops_are_removed_and_dry_glass_left_alone(name: str, photo: str) -> None:
    """Under soft drops of held-back seeds on held-back photos: 3 dB on average, no harm without drops."""
    clean = getattr(skimage.data, photo)()[:256, :320]
    derainer = deraincli.load(name, precision="fp32")
    generators = np.random.default_rng(2026).spawn(6)
    panes = [add_drops(clean, rng, soft_style(rng))[0] for rng in generators]
    gains = [
        peak_signal_noise_ratio(clean, derainer(pane)) - peak_signal_noise_ratio(clean, pane)
        for pane in panes
    ]
    assert np.mean(gains) > 3
    assert min(gains) > 0
    assert peak_signal_noise_ratio(clean, derainer(clean)) > 34


def test_maps_tell_rain_from_scene(derainer: Derainer, make_rain: ModuleType) -> None:
    clean = skimage.data.chelsea()
    rain = make_rain.rain_layer(*clean.shape[:2], seed=78)
    rainy = np.clip(clean + rain[..., None], 0, 255).round().astype(np.uint8)
    _, maps = derainer(rainy, return_maps=True)
    wet = rain > 20
    assert maps.ram[wet].mean() > maps.ram[~wet].mean() + 0.3
    assert maps.cam[~wet].mean() > maps.cam[wet].mean() + 0.3


def test_tiles_agree_with_the_whole_picture() -> None:
    """In fp32, at most 1/255 at full size, on five photos side by side under different rain.

    The gates of SE carry a tile's edge far. With 102 pixels of context this picture differs by 1.3/255.
    """
    rng = np.random.default_rng(2)
    photos = [skimage.data.astronaut(), skimage.data.coffee(), skimage.data.chelsea(), skimage.data.rocket()]
    panels = []
    for number in range(5):
        photo = photos[number % 4]
        top, left = int(rng.integers(0, photo.shape[0] - 256)), int(rng.integers(0, photo.shape[1] - 220))
        scene = np.ascontiguousarray(photo[top : top + 256, left : left + 220])
        panels.append(synthesise(scene, Recipe("streak"), rng)[0])
    rainy = np.hstack(panels).astype(np.float32) / 255
    whole, tiled = (
        deraincli.load("balnet-lite-streak", precision="fp32", working_side="full", tile=tile)(rainy)
        for tile in ("off", 512)
    )
    difference = 255 * np.abs(whole - tiled)
    assert difference.any(), "one tile held the whole picture"
    assert difference.max() <= 1


def test_eight_threads_get_the_bytes_that_one_call_at_a_time_gets(make_rain: ModuleType) -> None:
    derainer = deraincli.load(tile=160)
    pictures = [skimage.data.chelsea()[top : top + 200, :300] for top in range(0, 80, 10)]
    alone = [derainer(picture) for picture in pictures]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(derainer, pictures))
    for expected, got in zip(alone, together, strict=True):
        np.testing.assert_array_equal(got, expected)
