"""Prints PSNR and time of the classical methods as a Markdown table.

python examples/paper/classical.py RAIN12
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import deraincli
from deraincli.datasets.pairs import find_pairs, read_pair
from deraincli.evaluation.metrics import PROTOCOLS, score
from deraincli.imaging.formats import DEFAULT_MAX_PIXELS
from deraincli.reporting.markdown import markdown_table

METHODS = {"gmm": "GMM", "dsc": "DSC", "balnet-lite": "balnet-lite"}
PAIRS = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=Path, help="the paired folder, of which the first two pairs are used")
    protocol = PROTOCOLS["prenet"]
    rows = []
    for pair in find_pairs(parser.parse_args().pairs).pairs[:PAIRS]:
        rainy, clean = read_pair(pair, max_pixels=DEFAULT_MAX_PIXELS)
        cells = [pair.name, f"{score(rainy, clean, protocol).psnr:.2f} dB"]
        for name in METHODS:
            start = time.perf_counter()
            restored = deraincli.load(name)(rainy)
            seconds = time.perf_counter() - start
            duration = f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.1f}"
            cells.append(f"{score(restored, clean, protocol).psnr:.2f} dB in {duration} s")
        rows.append(cells)
    print(markdown_table(("", "rainy", *METHODS.values()), rows))


if __name__ == "__main__":
    main()
