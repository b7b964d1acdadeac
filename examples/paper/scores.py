"""Prints the scores of the shipped models as a Markdown table: `python examples/paper/scores.py DATA`.

DATA is the folder of the benchmark images, which are not distributed. Whole images, at full size.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import deraincli
from deraincli.datasets.pairs import Pair, find_pairs
from deraincli.evaluation.metrics import PROTOCOLS, capped_psnr, mean_score
from deraincli.evaluation.score_pairs import Restore, score_pair
from deraincli.imaging.formats import DEFAULT_MAX_PIXELS
from deraincli.reporting.markdown import markdown_table


class Row(NamedTuple):
    """A row of the table."""

    title: str
    folder: str
    protocol: str
    rainy: bool = True
    """Whether the input has rain. If not, the photos are compared with themselves."""
    drops: bool = False


SETS = (
    Row("20 Rain100L test pairs (used to choose the checkpoint)", "valid/rain100l_20", "prenet"),
    Row("Rain12", "test/rain12", "prenet"),
    Row("10 Rain100H test pairs", "test/rain100h_10", "prenet"),
    Row("4 pairs of AGAN's test_a (used to choose the checkpoint)", "valid/raindrop_4", "agan", drops=True),
    Row("20 photos without rain, against themselves", "valid/clean_20", "prenet", rainy=False),
)


def pairs_of(data: Path, row: Row) -> list[Pair]:
    """Finds the pairs of a set. A photo without rain is a pair with itself."""
    folder = data / row.folder
    if row.rainy:
        return list(find_pairs(folder).pairs)
    return [Pair(photo.stem, photo, photo) for photo in sorted(folder.iterdir())]


def cell(pairs: list[Pair], row: Row, restore: Restore) -> str:
    """Scores a method on a set: mean PSNR / mean SSIM."""
    protocol = PROTOCOLS[row.protocol]
    scores = [
        score_pair(pair, {"": restore}, [protocol], max_pixels=DEFAULT_MAX_PIXELS)[""][row.protocol]
        for pair in pairs
    ]
    mean = mean_score(scores)
    worst = "" if row.rainy else f", worst {capped_psnr(min(score.psnr for score in scores)):.2f}"
    return f"{mean.psnr:.2f} / {mean.ssim:.4f}{worst}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="the folder with valid/ and test/")
    data = parser.parse_args().data
    lite, small = (deraincli.load(name, working_side="full") for name in ("balnet-lite", "balnet-small"))
    rows = []
    for row in SETS:
        pairs = pairs_of(data, row)
        rainy = cell(pairs, row, lambda picture: picture) if row.rainy else "–"
        by_small = "streaks only" if row.drops else cell(pairs, row, small)
        rows.append([row.title, f"`{row.protocol}`", rainy, cell(pairs, row, lite), by_small])
    print(markdown_table(("set, PSNR / SSIM", "protocol", "input", "balnet-lite", "balnet-small"), rows))


if __name__ == "__main__":
    main()
