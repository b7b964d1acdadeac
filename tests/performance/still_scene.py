"""PSNR of real rain before a static camera, against the median over time, for every shipped model.

    python tests/performance/still_scene.py VIDEO [--frames 31] [--scored 4]

A slightly blurred frame is scored, too: the median has less noise than a frame, so smoothing alone gains
something. Models that gain no more than the blur have shown nothing.
"""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path
from statistics import fmean

import av
import cv2
import numpy as np

import deraincli
from deraincli.datasets.still_scene import still_scene
from deraincli.evaluation.metrics import psnr
from deraincli.model_zoo.catalogue import SHIPPED
from deraincli.pixels import Picture
from deraincli.reporting.markdown import markdown_table


def upright(frame: av.VideoFrame) -> Picture:
    """The picture as players show it. Networks expect rain to fall downwards there."""
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("video", type=Path, help="a video of a static camera")
    parser.add_argument("--frames", type=int, default=31, help="successive frames for the median")
    parser.add_argument("--scored", type=int, default=4, help="frames among them that are restored")
    asked = parser.parse_args()
    with av.open(str(asked.video)) as container:
        frames = [upright(frame) for frame in islice(container.decode(video=0), asked.frames)]
    truth = still_scene(frames)
    places = np.linspace(0, len(frames) - 1, asked.scored + 2).round().astype(int)[1:-1]
    rainy = [frames[place] for place in places]
    versions = {"rainy": rainy, "blurred (σ 0.7)": [cv2.GaussianBlur(frame, (0, 0), 0.7) for frame in rainy]}
    for name in SHIPPED:
        derainer = deraincli.load(name, device="cpu", precision="fp32")
        versions[name] = [derainer(frame) for frame in rainy]
    rows = []
    for name, results in versions.items():
        scores = [psnr(result[truth.still], truth.pixels[truth.still], data_range=255) for result in results]
        change = fmean(float(np.abs(a.astype(int) - b).mean()) for a, b in zip(results, rainy, strict=True))
        rows.append((name, f"{fmean(scores):.2f}", f"{min(scores):.2f}", f"{change:.2f}"))
    print(
        f"{len(frames)} frames, {truth.still.mean():.0%} of the picture still, {len(rainy)} frames scored\n"
    )
    print(markdown_table(("version", "PSNR, dB", "worst", "mean change of 255"), rows))


if __name__ == "__main__":
    main()
