"""What the static page computes in JavaScript, compared with Python's answers in a real browser."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
import pytest
from hosting import hosting
from paired import scene

from deraincli.geometry import Size
from deraincli.inference.backends.export_backend import SIDE
from deraincli.inference.saturation import recolour_saturated
from deraincli.inference.tiled import restore_tiled, unit_range
from deraincli.inference.tiling import AxisTile, Plan, Tiling, choose_tiling, needed_overlap, plan
from deraincli.inference.working_size import USUAL_SIDE, reduced
from deraincli.restoration.rain_kind import LAYERS, RAINIEST, shipped_classifier
from deraincli.serve import page_files


@pytest.fixture(scope="module")
def modules(browser: Any) -> Iterator[Any]:
    """The browser on a page whose scripts may import the modules of the page."""
    with hosting(Path(page_files.__file__).with_name("page")) as host:
        browser.get(f"{host.url}icon.svg")
        yield browser


PRELUDE = """
    const planes = ({shape: [channels, height, width], text}) => {
      const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
      return {channels, height, width, data: new Float32Array(bytes.buffer)};
    };
    const packed = ({channels, height, width, data}) => {
      let text = "";
      for (const byte of new Uint8Array(data.buffer)) text += String.fromCharCode(byte);
      return {shape: [channels, height, width], text: btoa(text)};
    };"""


def run(browser: Any, module: str, body: str, *given: object) -> Any:
    """Runs JavaScript with `it`, a module of the page, and what is given.

    `planes` unpacks what `as_planes` packed, and `packed` packs for `from_planes`.
    """
    script = f"""
        const [given, done] = arguments;
        {PRELUDE}
        import("/{module}").then(async it => {{ {body} }})
          .then(value => done({{value}}), error => done({{error: String(error.stack)}}));"""
    browser.set_script_timeout(300)
    answer = browser.execute_async_script(script, given)
    assert "error" not in answer, answer["error"]
    return answer["value"]


def as_planes(pixels: np.ndarray) -> dict[str, Any]:
    """H×W×C in 0–1 as planes."""
    turned = np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32)
    return {"shape": list(turned.shape), "text": base64.b64encode(turned.tobytes()).decode()}


def from_planes(planes: dict[str, Any]) -> np.ndarray:
    values = np.frombuffer(base64.b64decode(planes["text"]), np.float32)
    return values.reshape(planes["shape"]).transpose(1, 2, 0)


def as_record(tile: AxisTile) -> dict[str, Any]:
    spans = {
        name: {"start": span.start, "stop": span.stop}
        for name, span in (("source", tile.source), ("core", tile.core))
    }
    return {**spans, "blendIn": tile.blend_in, "fadeOut": tile.fade_out}


def test_tiles_are_those_of_python(modules) -> None:
    generator = np.random.default_rng(0)
    cases, expected = [], []
    for _ in range(100):
        multiple = int(generator.choice([1, 2, 8, 32]))
        tiling = choose_tiling(
            int(generator.integers(100, 600)),
            "auto",
            margin=int(generator.integers(0, 130)),
            multiple=multiple,
        )
        height, width = (int(generator.integers(1, 800)) for _ in range(2))
        cases.append([height, width, {"side": tiling.side, "overlap": tiling.overlap, "multiple": multiple}])
        planned: Plan = plan(Size(height, width), tiling)
        expected.append(
            [{"rows": as_record(tile.rows), "columns": as_record(tile.columns)} for tile in planned.tiles]
        )
    found = run(modules, "tiling.js", "return given[0].map(([h, w, tiling]) => it.plan(h, w, tiling))", cases)
    assert found == expected


@pytest.mark.parametrize(("margin", "multiple"), [(96, 32), (16, 2), (0, 1), (300, 32)])
def test_the_tiling_of_a_model_is_that_of_onnx_runtime(modules, margin: int, multiple: int) -> None:
    side = max(SIDE, 3 * needed_overlap(margin, multiple), multiple)
    tiling = choose_tiling(side, "auto", margin=margin, multiple=multiple)
    found = run(modules, "tiling.js", "return it.tilingFor(...given)", margin, multiple)
    assert found == {"side": tiling.side, "overlap": tiling.overlap, "multiple": tiling.multiple}


def uneven(tile: np.ndarray) -> np.ndarray:
    """Darkens a tile, C×H×W, towards its right and its bottom, so that every seam is visible."""
    _, height, width = tile.shape
    down, across = np.arange(height)[:, None] / height, np.arange(width) / width
    return (tile * (1 - 0.3 * across) * (1 - 0.2 * down)).astype(np.float32)


UNEVEN = """tile => ({...tile, data: tile.data.map((value, at) =>
  value * (1 - 0.3 * (at % tile.width) / tile.width)
    * (1 - 0.2 * (Math.floor(at / tile.width) % tile.height) / tile.height))})"""


@pytest.mark.parametrize(("height", "width"), [(40, 200), (150, 30), (130, 170), (1, 90), (64, 64)])
def test_tiles_are_joined_as_in_python(modules, height: int, width: int) -> None:
    picture = unit_range(scene(1, height=height, width=width))
    tiling = Tiling(64, 20, 4)
    expected = restore_tiled(picture, uneven, tiling).image
    body = f"""const made = await it.restoreTiled(planes(given[0]), given[1], async tile => ({UNEVEN})(tile));
        return packed(made)"""
    given = {"side": 64, "overlap": 20, "multiple": 4}
    found = from_planes(run(modules, "restoration.js", body, as_planes(picture), given))
    np.testing.assert_allclose(found, expected, atol=2e-6)


@pytest.mark.parametrize("size", [(1, 1), (31, 64), (100, 161)])
def test_the_rain_found_is_that_of_python(modules, size: tuple[int, int]) -> None:
    classifier = shipped_classifier()
    picture = unit_range(scene(2, height=size[0], width=size[1]))
    body = """const classifier = it.classifierFrom(planes(given[1]).data, given[2]);
        return it.rainKinds(planes(given[0]), classifier, given[3])"""
    values = as_planes(classifier.values()[None, :, None])
    found = run(modules, "rain_kind.js", body, as_planes(picture), values, LAYERS, RAINIEST)
    assert found == pytest.approx(classifier(picture)._asdict(), abs=1e-5)


def test_large_pictures_are_restored_once_at_the_usual_side(modules) -> None:
    """The page has one pass. Pictures of up to 1.5 times the usual side keep their size."""
    generator = np.random.default_rng(0)
    sizes = [[int(generator.integers(1, 6000)), int(generator.integers(1, 6000))] for _ in range(500)]
    sizes += [[600, 600], [601, 601], [600, 9000], [1000, 625]]
    expected = [
        size if min(size) <= 1.5 * USUAL_SIDE else [round(side * USUAL_SIDE / min(size)) for side in size]
        for size in sizes
    ]
    found = run(modules, "working_size.js", "return given[0].map(size => it.workingSize(...size))", sizes)
    assert found == expected


@pytest.mark.parametrize(("height", "width"), [(601, 640), (640, 800)])
def test_large_pictures_are_reduced_as_in_python(modules, height: int, width: int) -> None:
    pixels = scene(2, height=height, width=width)
    expected = reduced(pixels, USUAL_SIDE)
    rows, columns = expected.shape[:2]
    body = "const made = it.reduced(planes(given[0]), given[1], given[2]); return packed(made)"
    given = as_planes(unit_range(pixels[..., :1]))
    found = from_planes(run(modules, "working_size.js", body, given, rows, columns))
    steps = np.abs(found - expected[..., :1]) * 255
    assert steps.max() <= 1.001
    assert (steps > 0.5).mean() < 0.05  # halves are rounded in one way or the other


def test_changes_are_enlarged_as_by_opencv(modules) -> None:
    change = unit_range(scene(3, height=20, width=30)) - 0.5
    expected = cv2.resize(change, (71, 47), interpolation=cv2.INTER_CUBIC)
    body = "const made = it.enlarged(planes(given[0]), 47, 71); return packed(made)"
    found = from_planes(run(modules, "working_size.js", body, as_planes(change)))
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("in_bytes", [True, False])
def test_saturated_pixels_are_recoloured_as_in_python(modules, in_bytes: bool) -> None:
    clean = scene(6, height=40, width=50)
    before = clean.astype(int)
    before[:, ::7] += np.array([160, 60, 10])  # the red channel is clipped
    before[::9] += 200
    before = before.clip(0, 255).astype(np.uint8)
    restored = cv2.addWeighted(before, 0.3, clean, 0.7, 0)
    if not in_bytes:
        before, restored = unit_range(before), unit_range(restored)
    expected = restored.copy()
    recolour_saturated(before, expected)
    assert (expected != restored).any()
    body = """const [before, made, inBytes] = [planes(given[0]), planes(given[1]), given[2]];
        it.recolourSaturated(before, made, inBytes); return packed(made)"""
    given = (*(as_planes(unit_range(pixels)) for pixels in (before, restored)), in_bytes)
    found = from_planes(run(modules, "saturation.js", body, *given))
    np.testing.assert_allclose(found, unit_range(expected), atol=1.01 / 255 if in_bytes else 2e-5)


def test_jpegs_and_pngs_keep_their_metadata(modules) -> None:
    """The EXIF says that the pixels are upright, as they are then."""
    exif = PIL.Image.Exif()
    exif[0x010E], exif[0x0112] = "rain on the window", 6
    profile = b"not a real profile, but kept as it is"
    for format in ("JPEG", "PNG"):
        original, made = io.BytesIO(), io.BytesIO()
        picture = PIL.Image.fromarray(scene(4))
        picture.save(original, format, exif=exif, icc_profile=profile, dpi=(300, 300))
        picture.save(made, format)
        body = "return [...it.withMetadata(...given.map(bytes => Uint8Array.from(bytes)))]"
        joined = run(modules, "file_metadata.js", body, list(made.getvalue()), list(original.getvalue()))
        kept = PIL.Image.open(io.BytesIO(bytes(joined)))
        assert (kept.getexif()[0x010E], kept.getexif()[0x0112]) == ("rain on the window", 1)
        assert kept.info["icc_profile"] == profile
        np.testing.assert_array_equal(np.asarray(kept), np.asarray(PIL.Image.open(made)))
