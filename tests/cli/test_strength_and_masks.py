"""`--strength`, `--mask`, `--protect` and `--save-mask` from end to end, with real files and a network."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
import pytest

import deraincli

LEFT = np.repeat([[255] * 20 + [0] * 20], 30, axis=0).astype(np.uint8)
"""A mask whose left half is white."""


def noise(*shape: int, dtype: Any = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def write(path: Path, array: np.ndarray) -> Path:
    """Writes a picture of RGB, RGBA or grey with OpenCV, which knows 16 bits."""
    order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}.get(array.shape[-1])
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), array[..., order] if order and array.ndim == 3 else array)
    return path


def read(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


@pytest.fixture
def image(derain, small_model: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`image(source, out, …)` restores a picture with a small network."""
    monkeypatch.setenv("DERAIN_TILE", "off")
    monkeypatch.setenv("DERAIN_MODEL", str(small_model))

    def call(source: Path, out: Path, *arguments: object) -> Any:
        return derain("image", source, "-o", out, "--overwrite", *arguments)

    return call


@pytest.mark.parametrize(
    "array",
    [
        noise(30, 40, 3),
        noise(30, 40),
        noise(30, 40, 4),
        noise(1, 1, 3),
        noise(30, 40, 3, dtype=np.uint16),
        noise(30, 40, 4, dtype=np.uint16),
        noise(30, 40, dtype=np.uint16),
    ],
    ids=lambda array: f"{array.shape} {array.dtype}",
)
def test_nothing_all_and_everything_between(image, tmp_path: Path, array: np.ndarray) -> None:
    source, out = write(tmp_path / "in.png", array), tmp_path / "out.png"
    black, white = (write(tmp_path / f"{level}.png", np.full((1, 1), level, np.uint8)) for level in (0, 255))
    assert image(source, out).code == 0
    whole, data = read(out), out.read_bytes()
    for nothing in (("--strength", 0), ("--protect", white)):
        done = image(source, out, *nothing)
        assert (done.code, "Nothing is restored" in done.err) == (0, True)
        np.testing.assert_array_equal(read(out), read(source))
    for everything in (("--strength", 1), ("--mask", white), ("--protect", black)):
        assert image(source, out, *everything).code == 0
        assert out.read_bytes() == data
    for strength in (0.3, 1.5):
        assert image(source, out, "--strength", strength).code == 0
        before = read(source).astype(float)
        mixed = (before + strength * (whole - before)).clip(0, np.iinfo(array.dtype).max)
        assert np.abs(read(out) - mixed).max() <= 1


def test_a_mask_chooses_where(image, tmp_path: Path) -> None:
    source, out = write(tmp_path / "in.png", noise(30, 40, 3)), tmp_path / "out.png"
    mask = write(tmp_path / "left.png", LEFT)
    image(source, out)
    whole = read(out)
    image(source, out, "--mask", mask)
    expected = np.where(LEFT[..., None] == 255, whole, read(source))
    np.testing.assert_array_equal(read(out), expected)
    image(source, out, "--protect", write(tmp_path / "right.png", 255 - LEFT))
    np.testing.assert_array_equal(read(out), expected)
    image(source, out, "--mask", write(tmp_path / "grey.png", np.full((3, 4), 51, np.uint8)))
    fifth = out.read_bytes()
    image(source, out, "--strength", 0.2)
    assert out.read_bytes() == fifth


def test_a_mask_lies_on_the_picture_as_both_are_displayed(image, tmp_path: Path) -> None:
    """Both have an EXIF orientation: each is turned upright by its own."""
    upright = noise(30, 40, 3)
    quarter = PIL.Image.Exif()
    quarter[274] = 6  # to be turned clockwise for display
    turned = PIL.Image.fromarray(np.rot90(upright))
    turned.save(tmp_path / "in.png", exif=quarter)
    PIL.Image.fromarray(np.rot90(LEFT)).save(tmp_path / "mask.png", exif=quarter)
    PIL.Image.fromarray(upright).save(tmp_path / "upright.png")
    PIL.Image.fromarray(LEFT).save(tmp_path / "upright-mask.png")
    assert image(tmp_path / "in.png", tmp_path / "a.png", "--mask", tmp_path / "upright-mask.png").code == 0
    assert image(tmp_path / "upright.png", tmp_path / "b.png", "--mask", tmp_path / "mask.png").code == 0
    np.testing.assert_array_equal(read(tmp_path / "a.png"), read(tmp_path / "b.png"))
    np.testing.assert_array_equal(read(tmp_path / "a.png")[:, 20:], upright[:, 20:, ::-1])


def test_a_saved_mask_is_the_rain_map_and_can_be_given_back(image, tmp_path: Path, small_model: Path) -> None:
    source, out = write(tmp_path / "in.png", noise(30, 40, 3)), tmp_path / "out.png"
    image(source, out, "--precision", "fp32")
    whole = out.read_bytes()
    saved = tmp_path / "mask.png"
    assert image(source, out, "--save-mask", saved, "--precision", "fp32").code == 0
    assert out.read_bytes() == whole
    mask = PIL.Image.open(saved)
    assert (mask.mode, mask.size) == ("L", (40, 30))
    derainer = deraincli.load(small_model, precision="fp32", tile="off")
    picture = PIL.Image.open(source)
    _, maps = derainer(picture, return_maps=True)
    np.testing.assert_array_equal(np.asarray(mask), np.rint(maps.ram * 255))
    assert image(source, out, "--mask", saved, "--precision", "fp32").code == 0
    np.testing.assert_array_equal(np.asarray(PIL.Image.open(out)), np.asarray(derainer(picture, mask=mask)))


def test_a_mask_is_not_saved_without_its_picture(image, tmp_path: Path) -> None:
    """The mask is smaller than the largest file that can be written, and the picture is larger."""
    resource = pytest.importorskip("resource")
    source, out = write(tmp_path / "in.png", noise(60, 80, 3)), tmp_path / "out.bmp"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60 * 80 * 3, before[1]))
    try:
        done = image(source, out, "--save-mask", tmp_path / "mask.png")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (done.code, "out.bmp' cannot be written" in done.err) == (1, True)
    assert list(tmp_path.iterdir()) == [source]


def test_what_was_applied_is_said(image, tmp_path: Path) -> None:
    source, out = write(tmp_path / "in.png", noise(30, 40, 3)), tmp_path / "out.png"
    mask = write(tmp_path / "left.png", LEFT)
    done = image(source, out, "--strength", 0.5, "--mask", mask)
    assert f", strength 0.5, mask {mask}; " in done.err
    assert "If rain is left" not in done.err
    record = json.loads(image(source, out, "--strength", 0.5, "--mask", mask, "--json").out)
    assert (record["strength"], record["mask"], record["protect"]) == (0.5, str(mask), None)
    record = json.loads(image(source, out, "--json").out)
    assert (record["strength"], record["mask"], record["protect"]) == (1.0, None, None)
    assert (record["saved_mask"], record["ensemble"]) == (None, False)
    further = ("--ensemble", "--save-mask", tmp_path / "rain.png")
    done = image(source, out, *further)
    assert ", ensemble; " in done.err
    assert f"; mask written to {tmp_path / 'rain.png'}\n" in done.err
    record = json.loads(image(source, out, *further, "--json").out)
    assert (record["saved_mask"], record["ensemble"]) == (str(tmp_path / "rain.png"), True)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--strength", "1.6"), 2, "from 0 to 1.5"),
        (("--strength", "-1"), 2, "from 0 to 1.5"),
        (("--strength", "nan"), 2, "from 0 to 1.5"),
        (("--mask", "square.png"), 1, "The mask 'square.png' is 30×30 and the picture 40×30"),
        (("--protect", "square.png"), 1, "proportions"),
        (("--mask", "empty.png"), 1, "'empty.png' is empty"),
        (("--mask", "black.png"), 1, "'black.png' is black everywhere"),
        (("--mask", "none.png"), 1, "There is no file 'none.png'"),
        (("--mask", "text.png"), 1, "'text.png' is not a picture that derain reads"),
        (("--mask", "."), 1, "'.' is a folder"),
        (("--mask", ""), 2, "A path needs a name"),
        (("--mask", "left.png", "--protect", "./left.png"), 2, "is both the mask and what to protect"),
        (("--mask", "left.png", "-o", "left.png"), 2, "another file of this command"),
        (("--save-mask", "in.png"), 2, "another file of this command"),
        (("--save-mask", "./out.png"), 2, "another file of this command"),
        (("--mask", "left.png", "--save-mask", "left.png"), 2, "another file of this command"),
        (("--save-mask", "mask.txt"), 2, "'mask.txt' does not end in the suffix"),
        (("--save-mask", "mask.png", "-m", "dsc"), 1, "no attention maps"),
        (("--save-mask", "no-folder/mask.png"), 1, "no-folder"),
    ],
)
def test_a_bad_request_is_one_sentence_and_writes_nothing(
    image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("in.png"), noise(30, 40, 3))
    write(Path("left.png"), LEFT)
    write(Path("square.png"), LEFT[:, :30])
    write(Path("black.png"), LEFT * 0)
    Path("empty.png").touch()
    Path("text.png").write_text("text")
    before = {path: path.read_bytes() for path in tmp_path.glob("*.*")}
    done = image(Path("in.png"), Path("out.png"), *arguments)
    assert (done.code, says in done.err) == (code, True), done.err
    assert "Traceback" not in done.err
    assert {path: path.read_bytes() for path in tmp_path.glob("*.*")} == before


def test_a_method_without_a_map_is_refused_before_it_works_for_minutes(derain, tmp_path: Path) -> None:
    source = write(tmp_path / "in.png", noise(400, 600, 3))
    done = derain("image", source, "--save-mask", tmp_path / "mask.png", "-m", "gmm", "--verbose")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "gmm has no attention maps" in done.err


def test_an_existing_mask_is_not_replaced_unasked(derain, tmp_path: Path, small_model: Path) -> None:
    source, saved = write(tmp_path / "in.png", noise(30, 40, 3)), write(tmp_path / "mask.png", LEFT)
    done = derain("image", source, "-m", small_model, "--tile", "off", "--save-mask", saved)
    assert (done.code, "exists" in done.err) == (1, True)
    np.testing.assert_array_equal(read(saved), LEFT)
    assert not (tmp_path / "in.derained.png").exists()


@pytest.mark.parametrize("kind", [np.asarray, PIL.Image.fromarray], ids=["array", "PIL"])
def test_python_gives_what_the_command_gives(image, tmp_path: Path, small_model: Path, kind: Any) -> None:
    pixels = noise(30, 40, 3)
    source, mask = write(tmp_path / "in.png", pixels), write(tmp_path / "left.png", LEFT)
    out, request = tmp_path / "out.png", ("--strength", 0.7, "--mask", mask, "--precision", "fp32")
    assert image(source, out, *request).code == 0
    derainer = deraincli.load(small_model, precision="fp32", tile="off")
    result = derainer(kind(pixels), strength=0.7, mask=kind(LEFT))
    np.testing.assert_array_equal(np.asarray(result), np.asarray(PIL.Image.open(out)))
    np.testing.assert_array_equal(derainer(pixels, protect=np.ones((3, 4), bool)), pixels)


@pytest.fixture
def batch(derain, tmp_path: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`batch(…)` restores the pictures of `photos` and returns the statuses by name, the rest as printed."""
    monkeypatch.setenv("DERAIN_TILE", "off")
    for name in ("a.jpg", "b.png", "sub/a.png"):
        write(tmp_path / "photos" / name, noise(30, 40, 3))

    def call(*arguments: object) -> Any:
        done = derain("batch", tmp_path / "photos", "-m", small_model, "--json", *arguments)
        lines = [json.loads(line) for line in io.BytesIO(done.out)]
        root = tmp_path / "photos"
        return done.code, {str(Path(line["source"]).relative_to(root)): line for line in lines}

    return call


def test_a_folder_of_masks_has_one_for_each_picture(batch, tmp_path: Path) -> None:
    masks = tmp_path / "photos" / "masks"  # inside, and yet no pictures to restore
    write(masks / "a.png", LEFT)
    write(masks / "b.PNG", 255 - LEFT)
    write(masks / "sub" / "a.png", np.zeros((3, 4), np.uint8))
    code, lines = batch("--mask", masks)
    assert (code, lines.keys()) == (0, {"a.jpg", "b.png", "sub/a.png"})
    assert lines["b.png"]["mask"] == str(masks / "b.PNG")
    out = tmp_path / "photos-derained"
    np.testing.assert_array_equal(read(out / "sub/a.png"), read(tmp_path / "photos/sub/a.png"))
    changed = (read(out / "b.png") != read(tmp_path / "photos/b.png")).any(axis=(0, 2))
    assert changed[20:].any()
    assert not changed[:20].any()

    assert {line["status"] for line in batch("--mask", masks)[1].values()} == {"skipped"}
    write(masks / "a.png", 255 - LEFT)
    again = batch("--mask", masks)[1]
    assert sorted(again) == ["a.jpg", "b.png", "sub/a.png"]
    assert [again[name]["status"] for name in sorted(again)] == ["done", "skipped", "skipped"]


def test_a_picture_without_its_mask_fails_and_can_be_made_up_for(batch, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    write(masks / "a.png", LEFT)
    write(masks / "b.png", LEFT)
    write(masks / "b.jpg", LEFT)
    code, lines = batch("--protect", masks)
    assert (code, lines["a.jpg"]["status"], lines["sub/a.png"]["status"]) == (3, "done", "failed")
    assert f"add '{masks / 'sub' / 'a.png'}'" in lines["sub/a.png"]["error"]
    assert lines["b.png"]["status"] == "done"  # the mask of exactly its name
    write(masks / "sub" / "a.png", LEFT)
    code, lines = batch("--protect", masks)
    assert (code, lines["sub/a.png"]["status"], lines["a.jpg"]["status"]) == (0, "done", "skipped")


def test_one_mask_serves_all_pictures_and_a_bad_one_ends_the_batch_at_once(batch, tmp_path: Path) -> None:
    mask = write(tmp_path / "photos" / "mask.png", LEFT)  # among the pictures, and yet none to restore
    code, lines = batch("--mask", mask, "--strength", 0.5)
    assert (code, lines.keys()) == (0, {"a.jpg", "b.png", "sub/a.png"})
    assert {(line["mask"], line["strength"]) for line in lines.values()} == {(str(mask), 0.5)}
    assert {line["status"] for line in batch("--mask", mask)[1].values()} == {"done"}
    for content in (b"", write(tmp_path / "black.png", LEFT * 0).read_bytes()):
        mask.write_bytes(content)
        assert batch("--mask", mask) == (1, {})


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le"])
def test_a_video_gets_its_share_of_the_change(
    derain, tmp_path: Path, small_model: Path, pix_fmt: str
) -> None:
    clips = pytest.importorskip("clips")
    source = clips.write_clip(tmp_path / "in.mkv", codec="ffv1", pix_fmt=pix_fmt, times=clips.STEADY[:3])
    for strength in (0, 0.5, 1):
        out = tmp_path / f"{strength}.mkv"
        shared = ("-m", small_model, "--tile", "off", "--temporal", 1, "--json")
        done = derain("video", source, "-o", out, "--strength", strength, *shared)
        assert (done.code, json.loads(done.out)["strength"]) == (0, strength), done.err
        assert json.loads(done.out)["ensemble"] is False
    before, none, half, whole = (
        np.stack([frame.to_ndarray().astype(int) for frame in clips.read_frames(file)])
        for file in (source, *(tmp_path / f"{strength}.mkv" for strength in (0, 0.5, 1)))
    )
    np.testing.assert_array_equal(none, before)
    assert np.abs(half - (before + whole) / 2).mean() < 0.6 * np.abs(whole - before).mean() / 2 + 1
    assert not np.array_equal(half, before)
    assert not np.array_equal(half, whole)
