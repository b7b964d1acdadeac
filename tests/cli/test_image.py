"""`derain image` from end to end: real files, a real network, exit codes, both output streams."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest
import skimage.data

import deraincli
from deraincli.cli import output
from deraincli.imaging.formats import PICTURE_SUFFIXES


def photo(height: int = 60, width: int = 90) -> np.ndarray:
    """A smooth colour picture, H×W×3 uint8."""
    coarse = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def jpeg(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    PIL.Image.fromarray(photo()).save(path, quality=95)
    return path


def test_a_picture_is_restored_beside_itself(derain, jpeg: Path, random_model: Path) -> None:
    before = jpeg.read_bytes()
    done = derain("image", jpeg, "-m", random_model)
    assert done.code == 0
    assert done.out == b""
    assert jpeg.read_bytes() == before
    result = PIL.Image.open(jpeg.with_name("photo.derained.jpg"))
    assert (result.size, result.mode) == ((90, 60), "RGB")
    assert not np.array_equal(np.asarray(result), np.asarray(PIL.Image.open(jpeg)))


def test_json_says_what_was_done(derain, jpeg: Path, random_model: Path) -> None:
    out = jpeg.with_name("out.png")
    record = json.loads(derain("image", jpeg, "-o", out, "-m", random_model, "--json").out)
    assert record.keys() == {
        *("source", "output", "status", "error", "width", "height", "seconds"),
        *("model", "device", "precision", "tile", "working_sides", "mean_change", "changed_share"),
        *("strength", "mask", "protect", "saved_mask", "ensemble", "rain"),
    }
    assert (record["source"], record["output"]) == (str(jpeg), str(out))
    assert (record["status"], record["error"]) == ("done", None)
    assert (record["width"], record["height"], record["model"]) == (90, 60, "random")


def test_how_much_was_changed_is_said(derain, jpeg: Path, random_model: Path) -> None:
    out = jpeg.with_name("out.png")
    done = derain("image", jpeg, "-o", out, "-m", random_model)
    before, after = (np.asarray(PIL.Image.open(path)).astype(int) for path in (jpeg, out))
    difference = np.abs(after - before)
    share = 100 * (difference.max(axis=2) > 10).mean()
    (said,) = re.findall(r"([\d.]+) % of the pixels changed visibly", done.err)
    assert float(said) == pytest.approx(share, abs=0.5)
    record = json.loads(derain("image", jpeg, "-o", out, "-m", random_model, "--overwrite", "--json").out)
    assert record["changed_share"] == pytest.approx(share / 100, abs=1e-4)
    assert record["mean_change"] == pytest.approx(difference.mean() / 255, abs=1e-4)


@pytest.mark.parametrize(
    ("size", "options", "tries"),
    [
        ((40, 40), (), "try --task drop or --model balnet-small"),
        ((40, 40), ("--task", "drop"), "try --task streak or --model balnet-small"),
        ((40, 40), ("--task", "streak"), "try --model balnet-small"),
        ((40, 40), ("-m", "balnet-small"), "no shipped model recognises it"),
        ((1010, 1010), (), "try --task drop, --model balnet-small or --working-side 2000"),
        ((1010, 1010), ("--working-side", "full"), "try --task drop or --model balnet-small"),
    ],
)
def test_where_little_changed_it_is_said_what_to_try(
    derain, tmp_path: Path, size: tuple[int, int], options: tuple[str, ...], tries: str
) -> None:
    """A picture of one colour shows no rain."""
    PIL.Image.new("RGB", size, (90, 90, 90)).save(tmp_path / "in.png")
    done = derain("image", tmp_path / "in.png", "-o", tmp_path / "out.png", *options)
    assert done.code == 0
    assert f"If rain is left, {tries}." in done.err


def test_a_doubt_about_drops_is_said_in_every_run(
    derain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blurred fur, for which drops are more probable than not, and which the windows do not confirm."""
    monkeypatch.setenv("DERAIN_TILE", "off")
    PIL.Image.fromarray(skimage.data.chelsea()[100:196, 280:376]).save(tmp_path / "fur.png")

    def run(*options: str) -> tuple[int, bytes]:
        done = derain("image", tmp_path / "fur.png", "-o", tmp_path / "out.png", "--overwrite", *options)
        return done.err.count("There may be drops on the lens"), done.out

    said, record = run("--json")
    assert (said, json.loads(record)["model"]) == (1, "balnet-lite-streak")
    assert [run(*options)[0] for options in ((), (), ("--verbose",), ("--quiet",))] == [1, 1, 1, 0]


def test_verbose_explains_the_choice_of_the_model(derain, jpeg: Path) -> None:
    automatic, chosen = (
        derain("image", jpeg, "-o", jpeg.with_name("out.png"), "--overwrite", "--verbose", *options)
        for options in ((), ("--task", "streak"))
    )
    assert automatic.err.count("Drops on the lens are ") == 1
    assert "Drops on the lens are " not in chosen.err


def test_the_python_api_gives_the_same_pixels(derain, jpeg: Path, random_model: Path) -> None:
    out = jpeg.with_name("out.png")
    derain("image", jpeg, "-o", out, "-m", random_model, "--precision", "fp32")
    derainer = deraincli.load(str(random_model), precision="fp32")
    picture = PIL.Image.open(jpeg)
    expected = np.asarray(PIL.Image.open(out))
    np.testing.assert_array_equal(np.asarray(derainer(picture)), expected)
    np.testing.assert_array_equal(derainer(np.asarray(picture)), expected)


@pytest.mark.parametrize(
    ("side", "tile", "sides"),
    [("auto", "612×400", [400]), ("300", "459×300", [300]), ("full", "1000×654", [654])],
)
def test_a_large_picture_is_restored_at_its_working_sides(
    derain, tmp_path: Path, random_model: Path, side: str, tile: str, sides: list[int]
) -> None:
    PIL.Image.fromarray(photo(654, 1000)).save(tmp_path / "in.png")
    asked = ("-o", tmp_path / "out.png", "--working-side", side, "--tile", "off", "-m", random_model)
    record = json.loads(derain("image", tmp_path / "in.png", *asked, "--json").out)
    assert (record["width"], record["height"]) == PIL.Image.open(tmp_path / "out.png").size == (1000, 654)
    seen = [int(number) for number in record["tile"].split("×")]
    wanted = [int(number) for number in tile.split("×")]
    assert all(0 <= a - b < 64 for a, b in zip(seen, wanted, strict=True))  # tiles are multiples
    assert record["working_sides"] == sides
    said = derain("image", tmp_path / "in.png", *asked, "--overwrite").err
    assert (f"at {' and '.join(map(str, sides))} pixels" in said) == (sides != [654])


def test_standard_input_to_standard_output(derain, jpeg: Path, random_model: Path) -> None:
    out = jpeg.with_name("out.png")
    derain("image", jpeg, "-o", out, "-m", random_model)
    done = derain("image", "-", "-o", "-", "--format", "png", "-m", random_model, stdin=jpeg.read_bytes())
    assert done.code == 0
    piped = PIL.Image.open(io.BytesIO(done.out))
    np.testing.assert_array_equal(np.asarray(piped), np.asarray(PIL.Image.open(out)))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_standard_output_has_the_format_of_the_input(
    derain, tmp_path: Path, random_model: Path, format: str
) -> None:
    source = tmp_path / "in"
    PIL.Image.fromarray(photo()).save(source, format)
    for done in (
        derain("image", "-", "-m", random_model, stdin=source.read_bytes()),
        derain("image", source, "-o", "-", "-m", random_model),
    ):
        assert done.code == 0, done.err
        assert PIL.Image.open(io.BytesIO(done.out)).format == format


@pytest.mark.parametrize(("name", "told"), [("out.png", True), ("out.tif", True), ("out.jpg", False)])
def test_a_quality_without_effect_is_told(
    derain, jpeg: Path, random_model: Path, name: str, told: bool
) -> None:
    done = derain("image", jpeg, "-o", jpeg.with_name(name), "-m", random_model, "--quality", 50)
    assert (done.code, "so --quality has no effect" in done.err) == (0, told)


def test_sixteen_bits_stay_sixteen(derain, tmp_path: Path, random_model: Path) -> None:
    deep = photo().astype(np.uint16) * 257 + 77
    cv2.imwrite(str(tmp_path / "deep.png"), deep)
    assert derain("image", tmp_path / "deep.png", "-o", tmp_path / "out.png", "-m", random_model).code == 0
    result = cv2.imread(str(tmp_path / "out.png"), cv2.IMREAD_UNCHANGED)
    assert result.dtype == np.uint16
    assert len(np.unique(result % 257)) > 100  # more than 8 bits' worth of values


def test_a_turned_photo_comes_out_upright(derain, tmp_path: Path, random_model: Path) -> None:
    source, out = tmp_path / "turned.jpg", tmp_path / "out.jpg"
    exif = PIL.Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"  # to be shown turned a quarter clockwise
    PIL.Image.fromarray(photo(60, 90)).save(source, exif=exif)
    assert derain("image", source, "-o", out, "-m", random_model).code == 0
    result = PIL.Image.open(out)
    assert result.size == (60, 90)
    assert result.getexif()[0x0112] == 1
    assert result.getexif()[0x010F] == "Maker"


def test_alpha_is_carried_through(derain, tmp_path: Path, random_model: Path) -> None:
    alpha = np.arange(60 * 90, dtype=np.uint32).reshape(60, 90).astype(np.uint8)
    PIL.Image.fromarray(np.dstack([photo(), alpha])).save(tmp_path / "in.png")
    assert derain("image", tmp_path / "in.png", "-o", tmp_path / "out.webp", "-m", random_model).code == 0
    result = PIL.Image.open(tmp_path / "out.webp")
    np.testing.assert_array_equal(np.asarray(result)[..., 3], alpha)


@pytest.mark.parametrize("lossless", [True, False])
def test_a_lossless_webp_stays_lossless(derain, tmp_path: Path, random_model: Path, lossless: bool) -> None:
    """With EXIF, which only the extended container holds."""
    exif = PIL.Image.Exif()
    exif[0x010F] = "Maker"
    source = tmp_path / "in.webp"
    PIL.Image.fromarray(photo()).save(source, lossless=lossless, exif=exif)
    assert derain("image", source, "-m", random_model, "--strength", "0").code == 0
    before, after = (np.asarray(PIL.Image.open(tmp_path / name)) for name in ("in.webp", "in.derained.webp"))
    assert np.array_equal(before, after) == lossless
    options = ("-o", tmp_path / "90.webp", "--quality", 90)
    assert derain("image", source, "-m", random_model, "--strength", "0", *options).code == 0
    assert b"VP8L" not in (tmp_path / "90.webp").read_bytes()


def test_grey_stays_grey(derain, tmp_path: Path, random_model: Path) -> None:
    PIL.Image.fromarray(photo()[..., 1]).save(tmp_path / "in.png")
    assert derain("image", tmp_path / "in.png", "-o", tmp_path / "out.png", "-m", random_model).code == 0
    assert PIL.Image.open(tmp_path / "out.png").mode == "L"


def test_metadata_is_kept_or_stripped(derain, tmp_path: Path, random_model: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x010F] = "Maker"
    PIL.Image.fromarray(photo()).save(tmp_path / "in.jpg", exif=exif)
    derain("image", tmp_path / "in.jpg", "-o", tmp_path / "kept.jpg", "-m", random_model)
    strip = ("--metadata", "strip")
    derain("image", tmp_path / "in.jpg", "-o", tmp_path / "stripped.jpg", *strip, "-m", random_model)
    assert dict(PIL.Image.open(tmp_path / "kept.jpg").getexif())[0x010F] == "Maker"
    assert not PIL.Image.open(tmp_path / "stripped.jpg").getexif()


def test_tiles_do_not_show(derain, tmp_path: Path, small_model: Path) -> None:
    """By default at most one level. Without an overlap they would show."""
    PIL.Image.fromarray(photo(150, 200)).save(tmp_path / "in.png")

    def restored(name: str, *tiles: object) -> tuple[str, np.ndarray]:
        out = tmp_path / f"{name}.png"
        options = ("-m", small_model, "--device", "cpu", "--precision", "fp32", "--json")
        done = derain("image", tmp_path / "in.png", "-o", out, *options, *tiles)
        assert done.code == 0, done.err
        return json.loads(done.out)["tile"], np.asarray(PIL.Image.open(out)).astype(int)

    _, whole = restored("whole", "--tile", "off")
    size, tiled = restored("tiled", "--tile", 64)
    assert size == "64×64"
    _, seams = restored("seams", "--tile", 64, "--overlap", 0)
    assert np.abs(tiled - whole).max() <= 1
    assert np.abs(seams - whole).max() > 1


@pytest.mark.parametrize("existing", ["photo.jpg", "other.jpg"])
def test_nothing_is_replaced_unasked(derain, jpeg: Path, random_model: Path, existing: str) -> None:
    out = jpeg.with_name(existing)
    out.write_bytes(jpeg.read_bytes())
    before = out.read_bytes()
    done = derain("image", jpeg, "-o", out, "-m", random_model)
    assert done.code == 1
    assert "--overwrite" in done.err
    assert out.read_bytes() == before
    assert derain("image", jpeg, "-o", out, "-m", random_model, "--overwrite").code == 0
    assert out.read_bytes() != before


def refuse(derain, folder: Path, code: int, says: str, *arguments: object) -> None:
    """One sentence on stderr, the exit code, and no file more than before."""
    before = sorted(folder.rglob("*"))
    done = derain("image", *arguments)
    assert (done.code, done.out) == (code, b"")
    assert says in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert "Traceback" not in done.err
    assert sorted(folder.rglob("*")) == before


def test_what_cannot_be_read_is_refused(derain, jpeg: Path, random_model: Path) -> None:
    folder = jpeg.parent
    (folder / "cut.jpg").write_bytes(jpeg.read_bytes()[:700])
    (folder / "text.jpg").write_text("no picture")
    (folder / "empty.png").touch()
    (folder / "folder.png").mkdir()
    for name in ("cut.jpg", "text.jpg", "empty.png", "folder.png", "missing.jpg"):
        refuse(derain, folder, 1, name, folder / name, "-o", folder / "out.png", "-m", random_model)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("in.mp4", b"\0\0\0\x18ftypisom", "derain video"),
        ("in.mov", b"\0\0\0\x14ftypqt  ", "derain video"),
        ("clip", b"\x1a\x45\xdf\xa3", "derain video"),
        ("in.avi", b"RIFF\0\0\0\0AVI LIST", "derain video"),
        ("photo.gif", b"GIF89a", "convert it first"),
        ("photo.jp2", b"\0\0\0\x0cjP  \r\n\x87\n", "convert it first"),
        ("photo.png", b"", "is empty"),
        ("two\nlines", None, "derain batch"),
    ],
)
def test_the_wrong_kind_of_input_is_named_as_given(
    derain, tmp_path: Path, name: str, content: bytes | None, says: str
) -> None:
    """Before the model is looked for, and with what to do instead."""
    path = tmp_path / name
    if content is None:
        path = tmp_path / "a folder"
        path.mkdir()
    else:
        path.write_bytes(content)
    refuse(derain, tmp_path, 1, f"'{path}'", path, "-m", "nowhere.safetensors")
    done = derain("image", path, "-m", "nowhere.safetensors")
    assert says in done.err
    assert ".derained" not in done.err


def test_a_folder_takes_the_result_under_the_pictures_name(
    derain, jpeg: Path, random_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = jpeg.parent / "out"
    folder.mkdir()
    monkeypatch.chdir(jpeg.parent)
    for out in (folder, f"{folder}/", "out", "out/"):
        done = derain("image", "photo.jpg", "-o", out, "-m", random_model)
        assert done.code == 0, done.err
        assert [path.name for path in folder.iterdir()] == ["photo.jpg"]
        (folder / "photo.jpg").unlink()
    derain("image", "photo.jpg", "-o", "out", "--format", "png", "-m", random_model)
    assert PIL.Image.open(folder / "photo.png").format == "PNG"
    refuse(derain, jpeg.parent, 1, "nowhere", jpeg, "-o", "nowhere/", "-m", random_model)
    refuse(derain, jpeg.parent, 1, "photo.jpg", jpeg, "-o", jpeg.parent, "-m", random_model)
    refuse(derain, jpeg.parent, 2, "name a file in it", "-", "-o", "out", "-m", random_model)


@pytest.mark.parametrize(
    ("name", "options", "result"),
    [
        ("photo.xyz", (), "photo.derained.jpg"),
        ("photo", (), "photo.derained.jpg"),
        ("photo.JPG", ("--format", "jpg"), "photo.derained.JPG"),
        ("photo.jpg", ("--format", "png"), "photo.derained.png"),
        ("photo.jpg", ("--format", "PNG"), "photo.derained.png"),
        ("photo.jpg", ("--format", "tif"), "photo.derained.tif"),
        ("photo.jpg", ("--format", "tiff"), "photo.derained.tif"),
        ("photo.jpg", ("--format", "webp"), "photo.derained.webp"),
        ("photo.jpg", ("--format", "bmp"), "photo.derained.bmp"),
        ("photo.png", ("--format", "jpeg"), "photo.derained.jpg"),
    ],
)
def test_a_result_without_a_name_is_named_by_its_format(
    derain, jpeg: Path, random_model: Path, name: str, options: tuple[str, ...], result: str
) -> None:
    """With `image` beside the photo, with `batch` in another folder."""
    picture = jpeg.rename(jpeg.with_name(name))
    done = derain("image", picture, "-m", random_model, *options)
    assert done.code == 0, done.err
    written = [jpeg.with_name(result)]
    if picture.suffix.lower() in PICTURE_SUFFIXES:
        folder = jpeg.parent / "out"
        done = derain("batch", picture, "-o", folder, "-m", random_model, *options)
        assert done.code == 0, done.err
        written.append(folder / result.replace(".derained", ""))
    for file in written:
        expected = {".png": "PNG", ".tif": "TIFF", ".webp": "WEBP", ".bmp": "BMP"}
        assert PIL.Image.open(file).format == expected.get(file.suffix, "JPEG")


def test_a_damaged_picture_is_found_before_the_model_is_looked_for(derain, jpeg: Path) -> None:
    jpeg.write_bytes(jpeg.read_bytes()[:700])
    refuse(derain, jpeg.parent, 1, "photo.jpg", jpeg, "-m", "nowhere.safetensors")


def test_a_terminal_shows_what_is_being_done(jpeg: Path, small_model: Path) -> None:
    """Without the patience, which hides the meter of work that is short on a fast machine."""
    impatient = "from deraincli.cli import app, output; output.PATIENCE = 0; app.run()"
    command = [sys.executable, "-c", impatient, "image", str(jpeg), "-m", str(small_model)]
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stderr=theirs, env={**os.environ, "TERM": "xterm"}) as process:
        os.close(theirs)
        seen = b""
        with contextlib.suppress(OSError):  # the end of the terminal
            while part := os.read(ours, 65536):
                seen += part
    os.close(ours)
    assert process.returncode == 0
    assert seen.index(b"loading the model") < seen.index(b"photo.derained.jpg")


def test_without_a_terminal_lines_say_how_far_long_work_is(
    derain, jpeg: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two tiles. Work that is done within LINE_SECONDS prints none."""

    def said(*options: str) -> list[str]:
        out = ("-o", jpeg.with_name("out.png"), "--overwrite")
        done = derain("image", jpeg, *out, "-m", small_model, "--tile", 64, "--overlap", 0, *options)
        assert done.code == 0, done.err
        return [line for line in done.err.splitlines() if "parts" in line]

    assert said() == []
    monkeypatch.setattr(output, "LINE_SECONDS", -1)
    assert said() == [f"{jpeg}: {done} of 2 parts done" for done in (1, 2)]
    assert said("--quiet") == []


def test_what_cannot_be_written_is_refused(derain, jpeg: Path, random_model: Path) -> None:
    folder = jpeg.parent
    model = ("-m", random_model)
    refuse(derain, folder, 1, "nowhere", jpeg, "-o", folder / "nowhere" / "out.jpg", *model)
    refuse(derain, folder, 2, "suffix", jpeg, "-o", folder / "out.xyz", *model)


def test_too_many_pixels_are_refused(derain, jpeg: Path, random_model: Path) -> None:
    options = ("-o", jpeg.with_name("out.jpg"), "-m", random_model, "--max-pixels", 5399)
    refuse(derain, jpeg.parent, 1, "--max-pixels", jpeg, *options)


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("-m", "balnet-light"), 2, "balnet-l"),
        (("-m", "nowhere.safetensors"), 1, "nowhere.safetensors"),
        (("--device", "cuda:7"), 1, "cuda:7"),
        (("--device", "abacus"), 2, "abacus"),
        (("--precision", "fp8"), 2, "fp8"),
        (("--tile", "big"), 2, "--tile"),
        (("--working-side", "small"), 2, "--working-side"),
        (("--working-side", "40"), 2, "working side"),
        (("--format", "gif"), 2, "png"),
    ],
)
def test_impossible_wishes_are_refused(
    derain, jpeg: Path, random_model: Path, options: tuple, code: int, says: str
) -> None:
    """`-m` given twice counts the second time."""
    out = jpeg.with_name("out.jpg")
    refuse(derain, jpeg.parent, code, says, jpeg, "-o", out, "-m", random_model, *options)


def test_a_pickle_is_no_model(derain, jpeg: Path) -> None:
    import torch

    fake = jpeg.with_name("fake.safetensors")
    torch.save({"weight": torch.zeros(3)}, fake)
    refuse(derain, jpeg.parent, 1, "fake.safetensors", jpeg, "-o", jpeg.with_name("out.jpg"), "-m", fake)


def test_json_reports_failures_too(derain, jpeg: Path, random_model: Path) -> None:
    missing = jpeg.with_name("missing.jpg")
    done = derain("image", missing, "-m", random_model, "--json")
    record = json.loads(done.out)
    assert (done.code, record["status"], record["source"]) == (1, "failed", str(missing))
    assert str(missing) in record["error"]


def test_the_environment_sets_options(derain, jpeg: Path, random_model: Path, monkeypatch) -> None:
    monkeypatch.setenv("DERAIN_MODEL", str(random_model))
    monkeypatch.setenv("DERAIN_PRECISION", "fp32")
    record = json.loads(derain("image", jpeg, "--json").out)
    assert (record["model"], record["precision"]) == ("random", "fp32")


def test_an_interrupt_leaves_nothing_behind(tmp_path: Path, random_model: Path) -> None:
    """SIGTERM in the midst of a large picture: exit 130, no output, no temporary file."""
    source = tmp_path / "large.png"
    PIL.Image.fromarray(photo(3000, 4000)).save(source, compress_level=1)
    command = [sys.executable, "-m", "deraincli", "image", str(source), "-m", str(random_model), "-v"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "DERAIN_TILE": "256", "DERAIN_WORKING_SIDE": "full"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr is not None
    assert "random" in process.stderr.readline()  # the model is loaded, the work begins
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("-m", "balnet-small", "--task", "drop"), True),
        (("-m", "balnet-lite-drop", "--task", "streak"), True),
        (("-m", "balnet-small", "--task", "streak"), False),
        (("-m", "balnet-lite", "--task", "drop"), False),
    ],
)
def test_a_task_that_the_named_model_does_not_serve_is_told(
    derain, tmp_path: Path, options: tuple[str, ...], told: bool
) -> None:
    picture = tmp_path / "in.png"
    PIL.Image.fromarray(np.full((40, 40, 3), 90, np.uint8)).save(picture)
    done = derain("image", picture, "-o", tmp_path / "out.png", *options)
    assert (done.code, "has no effect" in done.err) == (0, told)
