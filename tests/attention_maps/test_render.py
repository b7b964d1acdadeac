"""Attention maps as pictures: scales that can be read, and values that can be read back."""

import numpy as np
import pytest
from paired import rain_on, scene
from skimage.color import rgb2lab

from deraincli.attention_maps import render
from deraincli.reporting.contact_sheet import contact_sheet


def attention(height: int = 40, width: int = 60) -> np.ndarray:
    return np.random.default_rng(0).random((height, width), np.float32)


def test_higher_values_look_lighter_all_the_way():
    """By CIE L*, in steps of one order. They are not equal: the colour map was designed in another space."""
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[None]
    lightness = rgb2lab(render.heat_map(ramp))[0, :, 0]
    steps = lightness[16:] - lightness[:-16]
    assert steps.min() > steps.mean() / 3
    assert steps.max() < steps.mean() * 3


def test_the_scale_stands_beside_the_unchanged_map():
    heat = render.heat_map(attention(200, 100))
    shown = render.with_scale(heat, "RAM")
    np.testing.assert_array_equal(shown[:, :100], heat)
    bar = {tuple(pixel) for row in shown[:, 100:] for pixel in row}
    for value in (0.0, 1.0):
        assert tuple(render.heat_map(np.full((1, 1), value, np.float32))[0, 0]) in bar


@pytest.mark.parametrize("size", [(1, 1), (3, 300), (300, 3)])
def test_the_smallest_maps_have_a_scale(size):
    heat = render.heat_map(attention(*size))
    shown = render.with_scale(heat, "CAM")
    np.testing.assert_array_equal(shown[: size[0], : size[1]], heat)
    assert shown.shape[0] >= 40  # the title and three numbers stand apart


def test_overlays_run_from_the_photo_to_the_heat_map():
    photo, ram = scene(0, 40, 60), attention()
    np.testing.assert_array_equal(render.overlay(photo, ram, 0), photo)
    np.testing.assert_array_equal(render.overlay(photo, ram, 1), render.heat_map(ram))
    half = render.overlay(photo, ram, 0.5).astype(float)
    np.testing.assert_allclose(half, (photo.astype(float) + render.heat_map(ram)) / 2, atol=0.5)


def test_16_bits_give_the_values_back():
    ram = attention()
    ram[0, :2] = 0, 1
    deep = render.as_16_bit(ram)
    assert (deep.dtype, deep.shape) == (np.uint16, (40, 60, 1))
    assert (deep.min(), deep.max()) == (0, 65535)
    np.testing.assert_allclose(deep[..., 0] / 65535, ram, atol=0.5 / 65535 + 1e-7)


def test_the_mask_is_what_is_above_the_threshold():
    ram = np.array([[0.2, 0.5, 0.51, 1.0]], np.float32)
    assert render.rain_mask(ram, 0.5)[0, :, 0].tolist() == [0, 0, 255, 255]


@pytest.mark.parametrize("deep", [False, True])
def test_the_rain_layer_is_grey_but_for_rain(deep):
    clean = scene(0) // 2
    rainy = rain_on(clean, 0)
    rain = (rainy != clean).any(2)
    if deep:
        rainy, clean = (each.astype(np.uint16) * 257 for each in (rainy, clean))
    layer, opposite = render.rain_layer(rainy, clean), render.rain_layer(clean, rainy)
    assert (layer[~rain] == 128).all()
    assert (layer[rain] == 255).all()
    assert (opposite[rain] == 0).all()
    assert (render.rain_layer(clean, clean) == 128).all()


def test_levels_stand_in_rows_of_ram_and_cam():
    levels = np.random.default_rng(0).random((3, 2, 32, 48), np.float32)
    sheet = render.level_sheet(levels, (2, 4, 8))
    tops, lefts = set(), set()
    for index in range(3):
        for which in range(2):
            top, left = place(sheet, render.heat_map(levels[index, which]))
            tops.add((which, top))
            lefts.add((index, left))
    assert len(tops) == 2
    assert len(lefts) == 3
    assert min(tops)[1] < max(tops)[1]


def place(sheet: np.ndarray, panel: np.ndarray) -> tuple[int, int]:
    """Where a picture stands, unchanged, on a sheet."""
    height, width = panel.shape[:2]
    for top in range(sheet.shape[0] - height + 1):
        for left in range(sheet.shape[1] - width + 1):
            window = sheet[top : top + height, left : left + width]
            if (window[0, 0] == panel[0, 0]).all() and np.array_equal(window, panel):
                return top, left
    raise AssertionError("the picture is not on the sheet")


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7])
def test_contact_sheets_hold_every_picture_once_unchanged(count):
    panels = {f"version {n}\nPSNR {n} dB": scene(n, 30, 40) for n in range(count)}
    sheet = contact_sheet(panels)
    places = [place(sheet, panel) for panel in panels.values()]
    assert places == sorted(places)  # in reading order
    assert len(set(places)) == count


def test_contact_sheets_reduce_what_is_large_and_cut_long_names():
    photo = np.full((100, 4000, 3), 7, np.uint8)
    sheet = contact_sheet({"a name without an end " * 40: photo})
    assert 2048 < sheet.shape[1] < 2200
    assert (sheet == 7).all(2).sum() == 2048 * 51


@pytest.mark.parametrize("size", [(1, 1), (100, 8), (5, 5), (1, 300)])
def test_the_smallest_pictures_have_labels_that_can_be_read(size):
    sheet = contact_sheet(
        {"RAM, level 0\nPSNR 25.00 dB, SSIM 0.9012": scene(0, *size), "i" * 500: scene(1, *size)}
    )
    assert sheet.shape[1] >= 240
    assert (sheet[size[0] + 6 :] < 100).any()


def labelled(label: str) -> np.ndarray:
    return contact_sheet({label: np.full((40, 240, 3), 255, np.uint8)})


@pytest.mark.parametrize("letters", ["ßüé", "∞×μ", "Дождь"])
def test_letters_beyond_ascii_are_drawn_as_themselves(letters):
    """A letter that a font lacks is a box, the same for all."""
    pytest.importorskip("matplotlib", reason="Matplotlib, whose font has them, is not installed")
    drawn = {labelled(letter).tobytes() for letter in letters}
    assert len(drawn) == len(letters)
    assert labelled("\uffff").tobytes() not in drawn


def test_letters_that_no_font_has_are_boxes():
    assert not np.array_equal(labelled("\uffff"), labelled(" "))
