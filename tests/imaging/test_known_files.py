"""Test pictures of other projects: every file is read as others read it, or refused; never anything else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
from picture_files import by_opencv

from deraincli.errors import DerainError, UnreadableImageError
from deraincli.imaging.decode import decode

# `process.prepare` ignores these, but pytest resets the filters for every test.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL.TiffImagePlugin")

LIMIT = 10**7

_DECODE_ALL = """
import sys
from pathlib import Path
from deraincli.errors import DerainError
from deraincli.imaging.decode import decode
from deraincli.imaging.encode import encode
from deraincli.runtime.process import prepare

prepare()
for path in sorted(Path(sys.argv[1]).rglob("*")):
    if path.is_file():
        try:
            image = decode(path, max_pixels=10**7)
        except DerainError as error:
            assert len(str(error).splitlines()) == 1, error
        else:
            encode(image, "PNG")
            encode(image, "TIFF")
"""


def test_every_file_is_decoded_or_refused_in_silence(shared_data: Path) -> None:
    """In a process like that of the command line, so that what C libraries print is seen as well."""
    command = [sys.executable, "-c", _DECODE_ALL, str(shared_data / "formats")]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")


def test_pngsuite(shared_data: Path) -> None:
    files = sorted((shared_data / "formats" / "pngsuite").glob("*.png"))
    assert len(files) > 150
    for path in files:
        if path.name.startswith("x"):
            with pytest.raises(UnreadableImageError):
                decode(path, max_pixels=LIMIT)
            continue
        image = decode(path, max_pixels=LIMIT)
        reference = by_opencv(path.read_bytes())
        if reference.ndim == 2:
            reference = reference[..., None]
        colours = reference[..., : 1 if image.pixels.shape[2] == 1 else 3]
        np.testing.assert_array_equal(image.pixels, colours, err_msg=path.name)
        assert image.pixels.dtype == reference.dtype, path.name
        if reference.shape[2] == 4:
            np.testing.assert_array_equal(image.alpha, reference[..., 3], err_msg=path.name)


def test_pillow_s_pictures(shared_data: Path) -> None:
    compared = 0
    for path in sorted((shared_data / "formats" / "pillow").iterdir()):
        try:
            image = decode(path, max_pixels=LIMIT)
        except DerainError:
            continue
        if image.pixels.dtype == np.uint16 or image.notes:
            continue
        upright = PIL.ImageOps.exif_transpose(PIL.Image.open(path))
        expected = np.asarray(upright.convert("L" if image.pixels.shape[2] == 1 else "RGB"))
        np.testing.assert_array_equal(image.pixels.squeeze(), expected.squeeze(), err_msg=path.name)
        compared += 1
    assert compared > 30


def test_16_bit_tiffs_of_pillow(shared_data: Path) -> None:
    folder = shared_data / "formats" / "pillow"
    for name in ("16bit.deflate.tif", "16bit.MM.deflate.tif", "12in16bit.tif", "uint16_1_4660.tif"):
        image = decode(folder / name, max_pixels=LIMIT)
        assert image.pixels.dtype == np.uint16
        np.testing.assert_array_equal(
            image.pixels[..., 0], by_opencv((folder / name).read_bytes()), err_msg=name
        )
