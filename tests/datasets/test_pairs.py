"""Every on-disk layout, built from real (tiny) files, is recognised, paired by name and fingerprinted."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from deraincli.datasets.layouts import LAYOUTS
from deraincli.datasets.pairs import find_pairs, fingerprint, read_pair
from deraincli.datasets.photos import find_photos
from deraincli.errors import InputError, UnreadableImageError, UsageError


def write(path: Path, seed: int = 0) -> Path:
    """A 12×8 picture whose content follows from the seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())
    return path


# layout → (rainy file, clean file) pairs, as the sets of that name lie on disk.
ON_DISK = [
    ("input-target", [("input/a b.png", "target/a b.png"), ("input/ü.png", "target/ü.png")]),
    ("input-target", [("input/7.jpg", "target/7.png")]),
    ("agan", [("data/0_rain.png", "gt/0_clean.png"), ("data/10_rain.png", "gt/10_clean.png")]),
    (
        "rain1400",
        [(f"rainy_image/{n}_{k}.jpg", f"ground_truth/{n}.jpg") for n in (901, 902) for k in (1, 2, 14)],
    ),
    ("rain200", [(f"rain/X2/norain-{n}x2.png", f"norain/norain-{n}.png") for n in (1, 2, 10)]),
    ("rain100", [(f"rain-{n:03}.png", f"norain-{n:03}.png") for n in (1, 2)]),
    ("rain100", [(f"rain-{n}.png", f"norain-{n}.png") for n in (1, 2, 10)]),
    ("rain100", [(f"rain/rain-{n}.png", f"norain/norain-{n}.png") for n in (1, 2)]),
    ("rain100", [(f"rain/norain-{n}.png", f"norain/norain-{n}.png") for n in (1, 2)]),
    ("rain100", [(f"rain/{n}.png", f"norain/{n}.png") for n in (1, 2)]),
    ("rain100", [(f"rainy/rain-{n:03}.png", f"norain/norain-{n:03}.png") for n in (1, 2)]),
    ("rain100", [(f"rainy/rain-{n:03}.png", f"norain-{n:03}.png") for n in (1, 2)]),
]


@pytest.mark.parametrize(("layout", "files"), ON_DISK)
def test_layouts_are_recognised_and_paired_by_name(tmp_path, layout, files):
    for index, pair in enumerate(files):
        for relative in pair:
            write(tmp_path / relative, index)

    found = find_pairs(tmp_path)

    assert found.layout.name == layout
    assert [(pair.rainy, pair.clean) for pair in found.pairs] == [
        (tmp_path / rainy, tmp_path / clean) for rainy, clean in files
    ]
    assert [pair.name for pair in found.pairs] == [Path(rainy).stem for rainy, _ in files]
    assert all(pair.rainy_half is None for pair in found.pairs)
    assert found.unpaired == ()
    assert find_pairs(tmp_path, layout=layout) == found


@pytest.mark.parametrize(("left", "half"), [("rainy", "left"), ("clean", "right")])
def test_pictures_with_both_halves_need_to_know_which_is_which(tmp_path, left, half):
    files = [write(tmp_path / f"{n}.jpg", n) for n in (1, 2, 10)]

    found = find_pairs(tmp_path, left=left)

    assert found.layout.name == "halves"
    assert [(pair.rainy, pair.clean, pair.rainy_half) for pair in found.pairs] == [
        (f, f, half) for f in files
    ]
    with pytest.raises(InputError, match=r"--left rainy\|clean"):
        find_pairs(tmp_path)
    with pytest.raises(UsageError, match="--left rainy or --left clean"):
        find_pairs(tmp_path, layout="halves")


def test_every_layout_is_covered_here():
    assert {layout for layout, _ in ON_DISK} | {"halves"} == set(LAYOUTS)


def test_only_agan_raindrops_default_to_the_agan_protocol():
    assert [layout.name for layout in LAYOUTS.values() if layout.protocol == "agan"] == ["agan"]


def test_what_does_not_pair_is_listed(tmp_path):
    for name in ("1.png", "2.png", "3.png", "4.png", "4.jpg"):
        write(tmp_path / "input" / name)
    for name in ("1.png", "4.png", "5.png"):
        write(tmp_path / "target" / name)
    (tmp_path / "input" / "notes.txt").write_text("not a picture")
    write(tmp_path / "input" / "._1.png")

    found = find_pairs(tmp_path)

    assert [pair.name for pair in found.pairs] == ["1"]
    # 4.png and 4.jpg both claim to be picture 4: neither is guessed at.
    assert {path.relative_to(tmp_path).as_posix() for path in found.unpaired} == {
        "input/2.png", "input/3.png", "input/4.jpg", "input/4.png", "target/4.png", "target/5.png"
    }  # fmt: skip


def test_two_ground_truths_of_one_picture_are_not_guessed_between(tmp_path):
    for name in ("rain/1.png", "rain/2.png", "norain/1.png", "norain/norain-1.png", "norain/2.png"):
        write(tmp_path / name)
    found = find_pairs(tmp_path)
    assert [pair.name for pair in found.pairs] == ["2"]
    assert {path.name for path in found.unpaired} == {"1.png", "norain-1.png"}


def test_photos_may_be_links_to_photos_elsewhere(tmp_path):
    write(tmp_path / "chosen" / "a.png")
    (tmp_path / "chosen" / "b.png").symlink_to(write(tmp_path / "all" / "7.png"))
    assert [photo.name for photo in find_photos(tmp_path / "chosen")] == ["a", "b"]


def test_names_pair_even_when_listing_orders_differ(tmp_path):
    """Sorted as text, 10 comes before 2 on one side only: pairing by position would mix them up."""
    for n in (2, 10):
        write(tmp_path / f"rain-{n:03}.png", n)
        write(tmp_path / f"norain-{n:03}.png", n)
    write(tmp_path / "norain-001.png")
    found = find_pairs(tmp_path)
    assert [(pair.rainy.name, pair.clean.name) for pair in found.pairs] == [
        ("rain-002.png", "norain-002.png"),
        ("rain-010.png", "norain-010.png"),
    ]
    assert [path.name for path in found.unpaired] == ["norain-001.png"]


def test_fingerprint_follows_content_alone(tmp_path):
    for n in (1, 2):
        for relative in (f"one/input/{n}.png", f"two/data/{n + 7}_rain.png"):
            write(tmp_path / relative, n)
        for relative in (f"one/target/{n}.png", f"two/gt/{n + 7}_clean.png"):
            write(tmp_path / relative, n + 100)
    one, two = (find_pairs(tmp_path / name).pairs for name in ("one", "two"))

    assert fingerprint(one) == fingerprint(two) == fingerprint(one[::-1])
    assert len({fingerprint(one), fingerprint(one[:1]), fingerprint(one + one[:1])}) == 3
    before = fingerprint(one)
    write(one[0].clean, seed=5)
    assert fingerprint(one) != before


def test_fingerprint_tells_halves_apart(tmp_path):
    write(tmp_path / "1.png")
    assert fingerprint(find_pairs(tmp_path, left="rainy").pairs) != fingerprint(
        find_pairs(tmp_path, left="clean").pairs
    )


def test_pairs_are_read_as_they_lie(tmp_path):
    rainy, clean = write(tmp_path / "input" / "1.png", 1), write(tmp_path / "target" / "1.png", 2)
    (pair,) = find_pairs(tmp_path).pairs
    for pixels, path in zip(read_pair(pair, max_pixels=96), (rainy, clean), strict=True):
        np.testing.assert_array_equal(pixels, cv2.imread(str(path))[..., ::-1])


@pytest.mark.parametrize("left", ["rainy", "clean"])
def test_halves_are_cut_apart(tmp_path, left):
    pixels = cv2.imread(str(write(tmp_path / "1.png")))[..., ::-1]
    (pair,) = find_pairs(tmp_path, left=left).pairs
    first, second = read_pair(pair, max_pixels=96)
    joined = (first, second) if left == "rainy" else (second, first)
    np.testing.assert_array_equal(np.hstack(joined), pixels)


def test_unusable_pairs_are_refused_by_name(tmp_path):
    folder = tmp_path / "set"
    for name in ("good", "size", "damaged"):
        write(folder / "input" / f"{name}.png")
        write(folder / "target" / f"{name}.png")
    cv2.imwrite(str(folder / "target" / "size.png"), np.zeros((8, 13, 3), np.uint8))
    whole = (folder / "target" / "damaged.png").read_bytes()
    (folder / "target" / "damaged.png").write_bytes(whole[: len(whole) // 2])
    pairs = {pair.name: pair for pair in find_pairs(folder).pairs}

    with pytest.raises(InputError, match=r"size\.png' is 12×8 but its ground truth 'size\.png' is 13×8"):
        read_pair(pairs["size"], max_pixels=1000)
    with pytest.raises(UnreadableImageError, match=r"target/damaged\.png"):
        read_pair(pairs["damaged"], max_pixels=1000)
    with pytest.raises(UnreadableImageError, match=r"input/good\.png"):
        read_pair(pairs["good"], max_pixels=95)
    (odd,) = (pair for pair in find_pairs(folder / "target", left="rainy").pairs if pair.name == "size")
    with pytest.raises(InputError, match=r"size\.png' is 13 pixels wide"):
        read_pair(odd, max_pixels=1000)


def test_folders_without_pairs_are_refused_with_a_remedy(tmp_path):
    with pytest.raises(InputError, match="is not a folder"):
        find_pairs(tmp_path / "missing")
    with pytest.raises(InputError, match="There are no pictures"):
        find_pairs(tmp_path)
    write(tmp_path / "lonely" / "input" / "1.png")
    with pytest.raises(InputError, match="No rainy and clean pictures pair by name"):
        find_pairs(tmp_path / "lonely")
    write(tmp_path / "test" / "input" / "1.png")
    write(tmp_path / "test" / "target" / "1.png")
    with pytest.raises(InputError, match=f"sub-folders, such as '{tmp_path / 'test'}'"):
        find_pairs(tmp_path)
    with pytest.raises(InputError, match="layout agan: it expects data/N_rain"):
        find_pairs(tmp_path / "test", layout="agan")


def test_impossible_requests_are_usage_errors(tmp_path):
    with pytest.raises(UsageError, match="no layout 'rain13k'"):
        find_pairs(tmp_path, layout="rain13k")
    with pytest.raises(UsageError, match="not for layout agan"):
        find_pairs(tmp_path, layout="agan", left="rainy")
