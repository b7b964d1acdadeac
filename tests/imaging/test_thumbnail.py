"""Pictures read at a small size."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest
from picture_files import LINEAR_RGB

from deraincli.errors import InputError, UnreadableImageError
from deraincli.imaging.decode import decode
from deraincli.imaging.display import shrink_to, to_display_rgb
from deraincli.imaging.thumbnail import read_thumbnail


def photo(mode: str) -> PIL.Image.Image:
    coarse = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return PIL.Image.fromarray(coarse).resize((1400, 1000), PIL.Image.Resampling.BICUBIC).convert(mode)


@pytest.mark.parametrize("name", ["RGB.jpg", "L.jpg", "CMYK.jpg", "RGB.png", "L.webp"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_thumbnail_is_the_picture_made_smaller(tmp_path, name, orientation):
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    photo(name.split(".")[0]).save(tmp_path / name, exif=exif)
    small = read_thumbnail(tmp_path / name, 128, max_pixels=10**7)
    whole = shrink_to(to_display_rgb(decode(tmp_path / name, max_pixels=10**7)), 128)
    assert max(small.shape[:2]) == 128
    assert small.shape == whole.shape
    assert np.abs(small.astype(int) - whole).mean() < 3


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_colours_are_shown_by_their_profile(tmp_path, name):
    PIL.Image.new("RGB", (40, 30), (55, 55, 55)).save(tmp_path / name, icc_profile=LINEAR_RGB)
    small = read_thumbnail(tmp_path / name, 20, max_pixels=10**7)
    assert np.ptp(small) <= 1
    assert abs(float(small.mean()) - 128) < 3  # (55 / 255) ** (1 / 2.2) of 255


def test_a_small_picture_is_not_enlarged(tmp_path):
    photo("RGB").resize((30, 20)).save(tmp_path / "a.jpg")
    assert read_thumbnail(tmp_path / "a.jpg", 128, max_pixels=10**7).shape == (20, 30, 3)


def test_what_cannot_be_read_is_refused(tmp_path):
    photo("RGB").save(tmp_path / "a.jpg")
    with pytest.raises(UnreadableImageError, match="more than the limit"):
        read_thumbnail(tmp_path / "a.jpg", 128, max_pixels=1000)
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:100])
    with pytest.raises(UnreadableImageError):
        read_thumbnail(tmp_path / "cut.jpg", 128, max_pixels=10**7)
    with pytest.raises(InputError):
        read_thumbnail(tmp_path / "missing.jpg", 128, max_pixels=10**7)
