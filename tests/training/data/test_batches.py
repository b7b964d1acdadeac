"""What training crops are made of: their sources and shares, and what is left out of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from paired import rain_on, scene, write_picture, write_set

from deraincli.errors import InputError, UsageError
from deraincli.models.config_io import parse_config
from deraincli.rain.realistic import SHARPENED_SHARE
from deraincli.training.data.augmentation import crop_alike, crop_tilted
from deraincli.training.data.batches import TrainingData
from deraincli.training.data.config import DataConfig
from deraincli.training.data.sources import JPEG_SHARE


def data(root: Path, seed: int = 0, share: range = range(64), **values: object) -> TrainingData:
    settings = {"validation": "unused", "crop": 32, "clean_share": 0, **values}
    return TrainingData(parse_config(DataConfig, settings, source="test"), root, seed, share)


def agan(folder: Path) -> Path:
    for n in range(3):
        write_picture(folder / f"gt/{n}_clean.png", scene(n))
        write_picture(folder / f"data/{n}_rain.png", rain_on(scene(n), n))
    return folder


def rain100(folder: Path) -> Path:
    for n in range(1, 4):
        write_picture(folder / f"norain-{n}.png", scene(n))
        write_picture(folder / f"rain-{n}.png", rain_on(scene(n), n))
    return folder


@pytest.mark.parametrize("make", [agan, rain100, write_set])
def test_paired_sets_train_alone_in_their_own_layout(tmp_path: Path, make) -> None:
    make(tmp_path / "set")
    rainy, clean = data(tmp_path, paired=[{"folder": "set"}])[0]
    assert rainy.shape == clean.shape == (64, 3, 32, 32)
    assert (rainy >= clean).all()  # rain_on adds light, and every change afterwards is monotonous
    assert (rainy != clean).flatten(1).any(1).float().mean() > 0.9


def test_rainy_and_clean_are_changed_alike() -> None:
    """Whatever is drawn, equal pictures stay equal and a marked one keeps its mark in place."""
    clean = scene(1, 90, 120)
    marked = clean.copy()
    marked[40:44, 60:64] = 255
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(60):
        first, second, third = crop_alike((clean, clean, marked), 40, rng)
        np.testing.assert_array_equal(first, second)
        changed = (first != third).any(2)
        assert changed.sum() <= 36  # 16 pixels and the blur of shrinking
        seen.add(first.tobytes())
    assert len(seen) == 60


def test_unshrunk_crops_are_windows_of_the_picture_or_of_its_mirror() -> None:
    picture = scene(2, 40, 50)
    windows = {
        side[y : y + 20, x : x + 20].tobytes()
        for side in (picture, picture[:, ::-1])
        for y in range(21)
        for x in range(31)
    }
    rng = np.random.default_rng(1)
    crops = [crop_alike((picture,), 20, rng)[0].tobytes() for _ in range(100)]
    # 30 % are shrunk, 30 % of the others have their colours changed.
    assert 35 <= sum(crop in windows for crop in crops) <= 65


def test_tilted_crops_show_the_photo_alone_turned_by_up_to_45_degrees() -> None:
    """A ramp never falls, which beyond the photo's edge it would, and its slope tells the angle."""
    ramp = np.broadcast_to(np.linspace(90, 250, 60, dtype=np.uint8)[:, None, None], (60, 60, 3))
    rng = np.random.default_rng(2)
    angles = []
    for _ in range(100):
        crop = crop_tilted(ramp, 40, rng)[..., 0].astype(float)
        down = crop[8:] - crop[:-8]
        across = crop[:, 8:] - crop[:, :-8]
        assert down.min() >= 0
        angles.append(np.degrees(np.arctan2(across.mean(), down.mean())))
    assert -46 < min(angles) < -30
    assert 30 < max(angles) < 46


def test_sources_get_the_shares_they_ask_for(tmp_path: Path) -> None:
    for name, level in (("a", 40), ("b", 120)):
        for side in ("input", "target"):
            write_picture(tmp_path / name / side / "1.png", np.full((48, 64, 3), level, np.uint8))
    write_picture(tmp_path / "clean/1.png", np.full((48, 64, 3), 220, np.uint8))
    mixed = data(
        tmp_path,
        clean=["clean"],
        paired=[{"folder": "a", "weight": 0.2}, {"folder": "b", "weight": 0.5}],
        share=range(1000),
    )
    _, clean = mixed[0]
    brightness = clean.float().mean((1, 2, 3))
    counts = [((brightness - level).abs() < 40).sum().item() for level in (40, 120, 220)]
    for count, expected in zip(counts, (200, 500, 300), strict=True):
        assert count == pytest.approx(expected, abs=60)  # four standard deviations


def test_weights_without_photos_are_relative(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_set(tmp_path / name)
    sources = data(tmp_path, paired=[{"folder": "a", "weight": 3}, {"folder": "b", "weight": 1}])
    assert sources._bounds.tolist() == [0.75]


def test_lens_drops_come_in_their_share(tmp_path: Path) -> None:
    """Streaks only add light, drops also take it away."""
    for n in range(4):
        write_picture(tmp_path / f"clean/{n}.png", scene(n))
    darkened = []
    for share in (0, 0.5, 1):
        rainy, clean = data(tmp_path, clean=["clean"], drop_share=share, realistic_share=0)[0]
        darkened.append((rainy < clean).flatten(1).any(1).float().mean().item())
    assert 0 == darkened[0] < darkened[1] < darkened[2]


def test_real_panes_stand_before_the_photos_in_their_share(tmp_path: Path) -> None:
    """An opaque red pane, as no procedural drop is, tells which crops it stands before."""
    write_picture(tmp_path / "clean/1.png", scene(1))
    for side, colour in (("input", (150, 0, 0)), ("target", (250, 250, 250))):
        write_picture(tmp_path / f"pair/{side}/1.png", np.full((80, 80, 3), colour, np.uint8))
    shares = []
    for share in (0.0, 0.5, 1.0):
        wish = {"clean": ["clean"], "drop_layers": "pair", "drop_share": 1, "layer_share": share}
        rainy, _ = data(tmp_path, **wish)[0]
        red = (rainy[:, 0] > 80) & (rainy[:, 1:].amax(1) < 40)
        shares.append(red.flatten(1).float().mean(1).gt(0.9).float().mean().item())
    assert shares[0] == 0 < shares[1] < 0.75 < shares[2]  # but for those without colour


def test_unusable_panes_are_named_and_left_out(tmp_path: Path) -> None:
    write_picture(tmp_path / "clean/1.png", scene(1))
    write_set(tmp_path / "pairs", count=2)
    write_picture(tmp_path / "pairs/input/2.png", scene(3, 20, 20))
    found = data(tmp_path, clean=["clean"], drop_layers="pairs", drop_share=1, layer_share=1)
    assert len(found.skipped) == 1
    assert "2.png" in found.skipped[0]
    found[0]
    with pytest.raises(InputError, match="No pair of at least"):
        data(tmp_path, clean=["clean"], drop_layers=write_set(tmp_path / "tiny", height=20, width=20).name)
    with pytest.raises(InputError, match="nowhere"):
        data(tmp_path, clean=["clean"], drop_layers="nowhere")
    with pytest.raises(UsageError, match=r"data\.clean"):
        data(tmp_path, paired=[{"folder": "pairs"}], drop_layers="pairs")


def test_some_crops_have_no_colour_with_and_without_rain(tmp_path: Path) -> None:
    write_picture(tmp_path / "clean/1.png", scene(1))
    rainy, clean = data(tmp_path, clean=["clean"], drop_share=1, share=range(300))[0]
    grey = [(side == side[:, :1]).flatten(1).all(1) for side in (rainy, clean)]
    assert torch.equal(*grey)
    assert 3 <= grey[0].sum() <= 35  # 15 are expected


def test_dry_crops_are_those_most_like_what_is_learnt(tmp_path: Path) -> None:
    """A sharp photo of uprights, where streaks are learnt, and a soft one of blobs, where drops are."""
    rng = np.random.default_rng(0)
    uprights = np.repeat(rng.integers(0, 255, (1, 96, 1), np.uint8), 96, 0).repeat(3, 2)
    blobs = cv2.resize(rng.integers(0, 255, (6, 6, 3), np.uint8), (96, 96), interpolation=cv2.INTER_CUBIC)
    write_picture(tmp_path / "clean/uprights.png", uprights)
    write_picture(tmp_path / "clean/blobs.png", blobs)
    fine = []
    for drop_share in (0, 1):
        _, clean = data(tmp_path, clean=["clean"], drop_share=drop_share, clean_share=1)[0]
        fine.append(clean.float().diff(dim=3).abs().mean((1, 2, 3)).gt(25).float().mean().item())
    assert fine[0] > 0.75
    assert fine[1] < 0.25


def test_a_crop_depends_on_seed_step_and_place_alone(tmp_path: Path) -> None:
    write_set(tmp_path / "set")
    write_picture(tmp_path / "clean/1.png", scene(9))
    sources = {"clean": ["clean"], "paired": [{"folder": "set", "weight": 0.5}], "drop_share": 0.5}
    whole = data(tmp_path, seed=3, share=range(8), **sources)
    whole[4]  # what was drawn before must not matter
    for first in (0, 4):
        part = data(tmp_path, seed=3, share=range(first, first + 4), **sources)
        for one, other in zip(whole[5], part[5], strict=True):
            assert torch.equal(one[first : first + 4], other)
    other_seed = data(tmp_path, seed=4, share=range(8), **sources)
    assert not torch.equal(whole[5][0], other_seed[5][0])
    assert not torch.equal(whole[5][0], whole[6][0])


def test_pictures_beyond_the_memory_budget_are_read_again(tmp_path: Path) -> None:
    write_set(tmp_path / "set")
    kept, reread = (data(tmp_path, paired=[{"folder": "set"}], memory_mib=mib) for mib in (64, 0))
    assert all(torch.equal(one, other) for one, other in zip(kept[0], reread[0], strict=True))


def test_grey_and_16_bit_pictures_train_too(tmp_path: Path) -> None:
    write_picture(tmp_path / "set/target/1.png", scene(1)[..., :1].astype(np.uint16) * 257)
    write_picture(tmp_path / "set/input/1.png", scene(1))
    _, clean = data(tmp_path, paired=[{"folder": "set"}])[0]
    assert clean.dtype == torch.uint8
    assert clean.float().std() > 5


def spoil(folder: Path) -> None:
    """One picture cut short, one of another size than its partner."""
    damaged = folder / "input/2.png"
    damaged.write_bytes(damaged.read_bytes()[:500])
    write_picture(folder / "target/3.png", scene(3, 48, 60))


def test_what_cannot_be_used_is_named_and_left_out(tmp_path: Path) -> None:
    spoil(write_set(tmp_path / "set"))
    found = data(tmp_path, paired=[{"folder": "set"}])
    assert len(found.skipped) == 2
    assert "input/2.png" in found.skipped[0]
    assert "64×48" in found.skipped[1]
    assert "60×48" in found.skipped[1]
    assert len(found.scenes[0]) == 2
    assert found[0][0].shape == (64, 3, 32, 32)


def test_photos_that_cannot_be_used_are_named_and_left_out(tmp_path: Path) -> None:
    write_picture(tmp_path / "clean/deep/1.png", scene(1))
    write_picture(tmp_path / "clean/small.png", scene(2, 20, 64))
    (tmp_path / "clean/no.jpg").write_bytes(b"\xff\xd8\xff\xe0 not really")
    found = data(tmp_path, clean=["clean"])
    assert len(found.scenes[0]) == 1
    assert [name for name in ("no.jpg", "small.png") for s in found.skipped if name in s] == [
        "no.jpg",
        "small.png",
    ]


def test_strict_ends_at_the_first_of_them(tmp_path: Path) -> None:
    spoil(write_set(tmp_path / "set"))
    with pytest.raises(InputError, match=r"input/2\.png"):
        data(tmp_path, paired=[{"folder": "set"}], strict=True)


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({}, UsageError, "nothing to train on"),
        ({"clean": ["empty"]}, InputError, "No clean photos"),
        ({"paired": [{"folder": "empty"}]}, InputError, "no pictures in"),
        ({"paired": [{"folder": "nowhere"}]}, InputError, "nowhere"),
        ({"clean": ["empty"], "paired": [{"folder": "empty"}]}, UsageError, "leaves no crops"),
        ({"paired": [{"folder": "empty", "wight": 1}]}, UsageError, r"paired\.weight"),
        ({"drop_share": 1.5}, UsageError, "drop_share"),
        ({"batch": 0}, UsageError, "batch"),
    ],
)
def test_impossible_sources_are_one_sentence(tmp_path: Path, values, error, message: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(error, match=message):
        data(tmp_path, **values)


def test_pairs_that_are_all_unusable_are_one_sentence(tmp_path: Path) -> None:
    write_set(tmp_path / "set")
    with pytest.raises(InputError, match="No pair of at least 200 pixels"):
        data(tmp_path, paired=[{"folder": "set"}], crop=200)


def test_rain_as_in_photos_is_at_times_sharpened_and_kept_as_a_jpeg(tmp_path: Path) -> None:
    """Rain alone never darkens, what both make of it does; dry scenes are their own targets."""
    for n in range(3):
        write_picture(tmp_path / f"clean/{n}.png", scene(n))
    settings = {"clean": ["clean"], "realistic_share": 1}
    rainy, clean = (side.float() for side in data(tmp_path, **settings)[0])
    assert (rainy != clean).flatten(1).any(1).float().mean() > 0.9
    darker = (rainy < clean).flatten(1).any(1)
    changed = 1 - (1 - JPEG_SHARE) * (1 - SHARPENED_SHARE)
    assert darker.float().mean() == pytest.approx(changed, abs=0.15)
    settings |= {"clean_share": 1, "share": range(300)}
    dry, itself = data(tmp_path, **settings)[0]
    assert torch.equal(dry, itself)
    plain = data(tmp_path, **{**settings, "realistic_share": 0})[0][1]
    darkest, plain_darkest = (side.float().flatten(1).mean(1).quantile(0.05) for side in (itself, plain))
    assert darkest < 0.8 * plain_darkest  # an eighth of the scenes lies in the dark
