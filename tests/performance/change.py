"""How much the default model changes photos.

`python tests/performance/change.py FOLDER` prints the share of visibly changed pixels of every photo, and
how many photos count as little changed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import deraincli
from deraincli.files.walk import pictures
from deraincli.imaging.decode import decode
from deraincli.imaging.formats import DEFAULT_MAX_PIXELS
from deraincli.inference.change import LITTLE, measure_change, percent


def main() -> None:
    derainer = deraincli.load()
    shares = []
    for file in pictures(Path(sys.argv[1])):
        pixels = decode(file, max_pixels=DEFAULT_MAX_PIXELS).pixels
        result = derainer.restore(pixels)
        change = measure_change(pixels, result.image)
        shares.append(change.share)
        print(f"{percent(change.share):>7}  {file.name}, {result.model}", flush=True)
    little = sum(share < LITTLE for share in shares)
    print(f"{little} of {len(shares)} photos: less than {percent(LITTLE)}")


if __name__ == "__main__":
    main()
