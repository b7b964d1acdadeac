"""The figure for papers, as files that other programs read."""

import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import PIL.Image
import pytest
from paired import rain_on, scene

from deraincli.attention_maps import figure
from deraincli.errors import InputError


def drawn(format: str, height: int = 40, width: int = 60) -> bytes:
    pytest.importorskip("matplotlib", reason="Matplotlib is not installed")
    clean = scene(0, height, width)
    ram = np.linspace(0, 1, height * width, dtype=np.float32).reshape(height, width)
    return figure.figure(rain_on(clean, 0), ram, 1 - ram, clean, format)


def test_png_has_300_pixels_an_inch():
    picture = PIL.Image.open(io.BytesIO(drawn("png")))
    picture.load()
    assert picture.format == "PNG"
    assert 2000 < picture.width < 2200  # 7.16 inches


def test_svg_keeps_its_captions_as_text():
    text = "".join(ET.fromstring(drawn("svg")).itertext())
    for caption in ("(a) input", "(b) RAM", "(c) CAM", "(d) output"):
        assert caption in text


def test_pdf_is_complete():
    data = drawn("pdf")
    assert data.startswith(b"%PDF-")
    assert data.rstrip().endswith(b"%%EOF")
    assert not re.search(rb"/CreationDate", data)


@pytest.mark.parametrize("format", ["png", "pdf", "svg"])
def test_the_same_picture_gives_the_same_bytes(format):
    assert drawn(format) == drawn(format)


def test_portraits_stand_beside_each_other_and_panoramas_in_two_rows():
    def aspect(height: int, width: int) -> float:
        picture = PIL.Image.open(io.BytesIO(drawn("png", height, width)))
        return picture.width / picture.height

    assert 2 < aspect(60, 40) < 3.5
    assert 2 < aspect(20, 60) < 6
    assert 5 < aspect(3, 400) < 9
    assert 0.6 < aspect(600, 6) < 1.5


def test_without_matplotlib_one_sentence_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(figure, "can_draw", lambda: False)
    with pytest.raises(InputError, match=r"pip install .*\[figures\]'"):
        figure.figure(
            scene(0), np.zeros((48, 64), np.float32), np.ones((48, 64), np.float32), scene(0), "png"
        )
