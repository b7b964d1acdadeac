"""How much the default model changes photos.

`python tests/performance/change.py FOLDER` prints the share of visibly changed pixels of every photo and the
PSNR of the result against the photo (RGB, identical images count as 100 dB), then how many photos count as
little changed, and the mean PSNR. For photos without rain, this is the harm that the model does.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import deraincli
from deraincli.evaluation.metrics import capped_psnr, psnr
from deraincli.files.walk import pictures
from deraincli.imaging.decode import decode
from deraincli.imaging.formats import DEFAULT_MAX_PIXELS
from deraincli.inference.change import LITTLE_CHANGE, measure_change, percent


def main() -> None:
    derainer = deraincli.load()
    shares, likenesses = [], []
    for file in pictures(Path(sys.argv[1])):
        pixels = decode(file, max_pixels=DEFAULT_MAX_PIXELS).pixels
        result = derainer.restore(pixels)
        change = measure_change(pixels, result.image)
        likeness = capped_psnr(psnr(result.image, pixels, data_range=np.iinfo(pixels.dtype).max))
        shares.append(change.share)
        likenesses.append(likeness)
        print(f"{percent(change.share):>7}  {likeness:6.2f} dB  {file.name}, {result.model}", flush=True)
    little = sum(share < LITTLE_CHANGE for share in shares)
    mean = np.mean(likenesses)
    print(f"{little} of {len(shares)} photos: less than {percent(LITTLE_CHANGE)}. Mean {mean:.2f} dB.")


if __name__ == "__main__":
    main()
