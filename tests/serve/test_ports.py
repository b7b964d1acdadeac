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
import PIL.PngImagePlugin
import pytest
import skimage.data
from hosting import hosting
from paired import faint_drops, rain_on, scene

from deraincli.geometry import Size
from deraincli.inference.backends.export_backend import SIDE
from deraincli.inference.joint_upsampling import carry_over, enlarged
from deraincli.inference.passes import restore_in_passes
from deraincli.inference.saturation import recolour_saturated
from deraincli.inference.tiled import restore_tiled, unit_range
from deraincli.inference.tiling import AxisTile, Plan, Tiling, choose_tiling, needed_overlap, plan
from deraincli.inference.working_size import USUAL_SIDE, coarser_sides, reduced, to_finest_size
from deraincli.restoration.auto_model import AutoDerainer
from deraincli.restoration.derainer import ModelDerainer
from deraincli.restoration.rain_kind import LAYERS, TOP_SHARE, shipped_classifier
from deraincli.restoration.window_trial import CHANGE_RATIO, LEAST_CHANGE, windows_show_drops
from deraincli.serve import page_files
from deraincli.serve.static_site import choice_record


@pytest.fixture(scope="module")
def modules(browser: Any) -> Iterator[Any]:
    """The browser on a page whose scripts may import the modules of the page."""
    with hosting(Path(page_files.__file__).with_name("page")) as host:
        browser.get(f"{host.url}icon.svg")
        yield browser


PRELUDE = """
    const bytes = text => {
      const letters = atob(text), made = new Uint8Array(letters.length);
      for (let at = 0; at < made.length; at++) made[at] = letters.charCodeAt(at);
      return made;
    };
    const text = data => {
      const all = new Uint8Array(data.buffer), parts = [];
      for (let at = 0; at < all.length; at += 8192)
        parts.push(String.fromCharCode(...all.subarray(at, at + 8192)));
      return btoa(parts.join(""));
    };
    const planes = ({shape: [channels, height, width], text}) =>
      ({channels, height, width, data: new Float32Array(bytes(text).buffer)});
    const packed = ({channels, height, width, data}) =>
      ({shape: [channels, height, width], text: text(data)});"""


def run(browser: Any, module: str, body: str, *given: object) -> Any:
    """Runs JavaScript with `it`, a module of the page, and what is given.

    `planes` unpacks what `as_planes` packed, and `packed` packs for `from_planes`. `bytes` and `text` convert
    from and to base64.
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


@pytest.mark.parametrize("size", [(1, 1), (31, 64), (100, 161), (603, 640)])
def test_the_rain_found_is_that_of_python(modules, size: tuple[int, int]) -> None:
    classifier = shipped_classifier()
    pixels = scene(2, height=size[0], width=size[1])
    body = """const classifier = it.classifierFrom(planes(given[1]).data, given[2]);
        return it.rainKinds(it.judgedSize(planes(given[0])), classifier, given[3])"""
    values = as_planes(classifier.values()[None, :, None])
    found = run(modules, "rain_kind.js", body, as_planes(unit_range(pixels)), values, LAYERS, TOP_SHARE)
    # Where a large picture is reduced, halves are rounded to 8 bits in one way or the other.
    assert found == pytest.approx(classifier(pixels)._asdict(), abs=1e-3 if min(size) > 600 else 1e-5)


class Darkening:
    """A backend that takes a share of the light of bright places away."""

    device, precision, backend = "cpu", "fp32", "darkening"
    notes, level_strides = (), ()

    def __init__(self, share: float) -> None:
        self.share = share

    def tiling(self, *_: object) -> Tiling:
        return Tiling(256, 40, 4)

    def run_tile(self, tile: np.ndarray, **_: object) -> np.ndarray:
        return (tile - self.share * np.maximum(tile - 0.4, 0)).astype(np.float32)


SPECIALIST = """share => ({tiling: {side: 256, overlap: 40, multiple: 4}, runTile: async tile =>
  ({...tile, data: tile.data.map(value => value - share * Math.max(value - 0.4, 0))})})"""
"""`Darkening` in JavaScript."""


def darkening(name: str, share: float) -> ModelDerainer:
    return ModelDerainer(name, Darkening(share), "auto", "auto", "auto")


@pytest.mark.parametrize(("height", "width"), [(90, 300), (128, 128), (260, 517), (700, 640)])
def test_windows_show_drops_where_they_do_in_python(modules, height: int, width: int) -> None:
    """Both agree on the change from which the windows show drops."""
    picture = photo(height, width, 0)
    judged = reduced(picture, USUAL_SIDE) if min(height, width) > 600 else picture
    whole = darkening("drop", 1).restore(judged).image
    change = np.abs(unit_range(whole) - unit_range(judged)).mean()
    shares = [float(share) for share in np.linspace(0.8, 1.2, 9) * LEAST_CHANGE / change]
    slight = shares[4] / (2 * CHANGE_RATIO)
    streak = darkening("streak", slight)
    expected = [windows_show_drops(judged, streak, darkening("drop", share)) for share in shares]
    assert set(expected) == {True, False}
    body = f"""const specialist = {SPECIALIST}, [picture, inBytes, streak, shares, trial] = given;
        return Promise.all(shares.map(share => it.windowsShowDrops(
          planes(picture), {{streak: specialist(streak), drop: specialist(share)}}, inBytes, trial)))"""
    given = (as_planes(unit_range(judged)), judged is picture, slight, shares)
    found = run(modules, "window_trial.js", body, *given, choice_record()["trial"])
    assert found == expected


WET = [("chelsea", 0), ("chelsea", 0.25), ("coffee", 0), ("coffee", 0.3), ("coffee", 0.38), ("coffee", 1)]
"""Photos and shares of the drops on them: from none to many, with and without doubt."""


def wet_photos() -> list[np.ndarray]:
    """Pictures of different rain, a large one and one of both kinds of rain among them."""
    pictures = [faint_drops(getattr(skimage.data, name)()[:160, :200], share) for name, share in WET]
    rainy = np.asarray(PIL.Image.open(Path(__file__).parents[2] / "examples/rainy_coffee.jpg"))[:160, :200]
    return [*pictures, rainy, faint_drops(rainy, 1), faint_drops(photo(640, 660, 0), 0.5), scene(2)]


@pytest.mark.parametrize("share", [0.05, 0.9])
def test_models_are_chosen_as_in_python(modules, share: float) -> None:
    """One specialist for drops hardly changes a picture, the other one changes it much."""
    classifier, record = shipped_classifier(), choice_record()
    streak, drop = darkening("streak", 0.001), darkening("drop", share)
    automatic = AutoDerainer("both", streak, drop, classifier)
    body = f"""const specialist = {SPECIALIST}, [pictures, values, automatic, shares] = given;
        const layers = await import("/rain_kind.js");
        const classifier = layers.classifierFrom(planes(values).data, automatic.layers);
        const open = async name => specialist(shares[name]);
        const made = [];
        for (const picture of pictures)
          made.push(await it.choose(planes(picture), classifier, automatic, open));
        return made"""
    pictures, warnings = wet_photos(), []
    expected = [automatic.select(picture, on_warning=warnings.append).name for picture in pictures]
    given = [as_planes(unit_range(picture)) for picture in pictures]
    values = as_planes(classifier.values()[None, :, None])
    record = record | {"members": {"streak": "streak", "drop": "drop"}}
    found = run(modules, "choice.js", body, given, values, record, {"streak": 0.001, "drop": share})
    assert [" and ".join(each["names"]) for each in found] == expected
    assert len(set(expected)) == 3
    assert sum(len(each["notes"]) for each in found) == len(warnings)
    assert [each["rain"] for each in found] == [
        pytest.approx(automatic.rain(picture)._asdict(), abs=1e-3) for picture in pictures
    ]


def test_the_coarser_sides_are_those_of_python(modules) -> None:
    sides = [*range(1, 1100, 7), 399, 400, 401, 600, 1000, 2501]
    body = "return given[0].map(side => it.coarserSides(side))"
    found = run(modules, "working_size.js", body, sides)
    for side, steps in zip(sides, found, strict=True):
        assert steps == [pytest.approx(step) for step in coarser_sides(side)]


@pytest.mark.parametrize(("height", "width"), [(601, 640), (640, 800), (900, 450)])
@pytest.mark.parametrize("in_bytes", [True, False])
def test_large_pictures_are_reduced_as_in_python(modules, height: int, width: int, in_bytes: bool) -> None:
    pixels = scene(2, height=height, width=width)[..., :1]
    expected = reduced(pixels if in_bytes else unit_range(pixels), USUAL_SIDE)
    body = "return packed(it.reduced(planes(given[0]), given[1], given[2]))"
    given = (as_planes(unit_range(pixels)), USUAL_SIDE, in_bytes)
    assert_nearly_equal(from_planes(run(modules, "working_size.js", body, *given)), expected)


def assert_nearly_equal(found: np.ndarray, expected: np.ndarray, *, rare: float = 0.05) -> None:
    """Pictures in 0–1 differ by one step of 8 bits at few places, where halves are rounded."""
    assert found.shape == expected.shape
    steps = np.abs(found - expected) * 255
    assert steps.max() <= 1.01
    assert (steps > 0.01).mean() < rare


def photo(height: int, width: int, softness: float) -> np.ndarray:
    """A rainy scene of 8 bits with sharp dots, blurred by a standard deviation in pixels."""
    pixels = rain_on(scene(3, height=height, width=width), 3)
    pixels[::9, ::7] = 250
    return cv2.GaussianBlur(pixels, (0, 0), softness) if softness else pixels


@pytest.mark.parametrize(
    ("height", "width", "softness"), [(560, 500, 0.8), (700, 720, 1.5), (1100, 1110, 0), (1110, 1100, 1.5)]
)
def test_the_finest_size_is_that_of_python(modules, height: int, width: int, softness: float) -> None:
    pixels = photo(height, width, softness)
    body = "return packed(it.toFinestSize(planes(given[0])))"
    found = from_planes(run(modules, "working_size.js", body, as_planes(unit_range(pixels))))
    assert_nearly_equal(found, unit_range(to_finest_size(pixels, "auto")))


@pytest.mark.parametrize("in_bytes", [True, False])
def test_a_change_is_carried_over_as_in_python(modules, in_bytes: bool) -> None:
    pixels = photo(90, 71, 0) if in_bytes else unit_range(photo(90, 71, 0))
    smaller = unit_range(cv2.resize(pixels, (30, 41), interpolation=cv2.INTER_AREA))
    change = unit_range(scene(4, height=41, width=30)) - smaller
    expected = unit_range(carry_over(pixels, smaller, change))
    body = """const picture = planes(given[0]);
        it.carryOver(picture, planes(given[1]), planes(given[2]), given[3]); return packed(picture)"""
    given = (as_planes(unit_range(pixels)), as_planes(smaller), as_planes(change), in_bytes)
    found = from_planes(run(modules, "joint_upsampling.js", body, *given))
    if in_bytes:
        assert_nearly_equal(found, expected, rare=0.001)
    else:
        np.testing.assert_allclose(found, expected, atol=2e-4)


def test_maps_are_enlarged_as_by_opencv(modules) -> None:
    maps = unit_range(scene(3, height=20, width=30))
    expected = enlarged(maps.transpose(2, 0, 1), Size(47, 71), smooth=True)
    body = "return packed(it.enlarged(planes(given[0]), 47, 71))"
    found = from_planes(run(modules, "joint_upsampling.js", body, as_planes(maps)))
    assert expected is not None
    np.testing.assert_allclose(found, expected.transpose(1, 2, 0), atol=1e-5)


def darkened(tile: np.ndarray) -> np.ndarray:
    """Darkens the bright parts of a tile, C×H×W, the brighter the more. Two of its colours are its maps."""
    made = tile - 0.6 * np.maximum(tile - 0.4, 0)
    return np.concatenate([made, tile[:1], 1 - tile[1:2]]).astype(np.float32)


DARKENED = """tile => {
  const area = tile.height * tile.width, data = new Float32Array(5 * area);
  for (let at = 0; at < 3 * area; at++) data[at] = tile.data[at] - 0.6 * Math.max(tile.data[at] - 0.4, 0);
  for (let at = 0; at < area; at++) {
    data[3 * area + at] = tile.data[at];
    data[4 * area + at] = 1 - tile.data[area + at];
  }
  return {...tile, channels: 5, data};
}"""


@pytest.mark.parametrize(
    ("height", "width", "softness"),
    [(100, 130, 0), (400, 410, 0), (560, 430, 0), (720, 700, 1.2), (700, 720, 0), (1100, 1110, 0)],
)
def test_pictures_are_restored_in_passes_as_in_python(
    modules, height: int, width: int, softness: float
) -> None:
    pixels = photo(height, width, softness)
    expected = restore_in_passes(pixels, "auto", darkened, Tiling(256, 40, 4))
    body = f"""const [height, width] = given[1], tiling = {{side: 256, overlap: 40, multiple: 4}};
        const run = async tile => ({DARKENED})(tile);
        const made = await it.restoreInPasses(bytes(given[0]), height, width, tiling, run);
        return {{picture: text(made.bytes), maps: packed(made.maps)}}"""
    opaque = np.dstack([pixels, np.full((height, width), 255, np.uint8)])
    given = (base64.b64encode(opaque.tobytes()).decode(), [height, width])
    found = run(modules, "passes.js", body, *given)
    picture = np.frombuffer(base64.b64decode(found["picture"]), np.uint8).reshape(height, width, 4)
    assert (picture[..., 3] == 255).all()
    difference = np.abs(picture[..., :3].astype(int) - expected.image)
    assert difference.max() <= 2
    assert difference.mean() < 0.05
    maps = from_planes(found["maps"])
    np.testing.assert_allclose(maps, np.dstack([expected.ram, expected.cam]), atol=2 / 255)


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


def test_a_large_xmp_packet_is_kept_upright(modules) -> None:
    packet = "<x:xmpmeta tiff:Orientation='8' tiff:Orientation=\"6\">" + " " * 300_000 + "</x:xmpmeta>"
    info = PIL.PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", packet)
    original, made = io.BytesIO(), io.BytesIO()
    picture = PIL.Image.fromarray(scene(4))
    picture.save(original, "PNG", pnginfo=info)
    picture.save(made, "PNG")
    body = "return text(it.withMetadata(...given.map(bytes)))"
    given = [base64.b64encode(file.getvalue()).decode() for file in (made, original)]
    joined = base64.b64decode(run(modules, "file_metadata.js", body, *given))
    kept = PIL.Image.open(io.BytesIO(joined)).info["xmp"].decode()
    assert kept == packet.replace('"6"', '"1"')


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
