"""Scores RAM and CAM against the ground truth that training uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from deraincli.evaluation.metrics import intersection_over_union
from deraincli.imaging.colour import as_rgb
from deraincli.pixels import Pixels

if TYPE_CHECKING:
    import torch

Map = NDArray[np.float32]
"""H×W in 0–1."""


@dataclass(frozen=True)
class MapScore:
    """Scores of a map against its binary ground truth. None if undefined, as on a rain-free picture."""

    auc: float | None
    """Area under the ROC curve: 1 for a perfect ranking of the pixels, 0.5 for a random one."""
    iou: float | None
    """Intersection over union of the map above the threshold with the truth."""
    precision: float | None
    """Share of the pixels above the threshold that are in the truth."""
    recall: float | None
    """Share of the truth's pixels that are above the threshold."""


@dataclass(frozen=True)
class MapScores:
    """Scores of both maps of one picture, or means over several pictures."""

    ram: MapScore
    """Scores of RAM."""
    cam: MapScore
    """Scores of CAM."""

    def record(self) -> dict[str, dict[str, float | None]]:
        """Returns the scores as nested dicts for JSON."""
        return asdict(self)


def score_maps(ram: Map, cam: Map, rainy: Pixels, clean: Pixels, *, threshold: float) -> MapScores:
    """Scores both maps against the ground truth of `attention_targets`.

    Args:
        ram: RAM, H×W in 0–1.
        cam: CAM, H×W in 0–1.
        rainy: The rainy picture, H×W×C, uint8 or uint16, with C = 1 or 3.
        clean: The clean picture, of the same shape and dtype.
        threshold: Value above which a pixel counts as found, 0–1.
    """
    from deraincli.models.balnet.targets import attention_targets

    truths = attention_targets(_as_tensor(rainy), _as_tensor(clean))
    ram_truth, cam_truth = (truth[0, 0].numpy() > 0 for truth in truths)
    return MapScores(_score(ram, ram_truth, threshold), _score(cam, cam_truth, threshold))


def complementarity_gap(ram: Map, cam: Map) -> float:
    """Returns the mean of |RAM + CAM − 1|. It is 0 if both branches agree, so that one would suffice."""
    return float(np.abs(ram + cam - 1).mean(dtype=np.float64))


def mean_scores(scores: Sequence[MapScores]) -> MapScores:
    """Returns the mean of every score over the pictures for which it is defined."""
    ram, cam = (_mean([getattr(each, name) for each in scores]) for name in ("ram", "cam"))
    return MapScores(ram, cam)


def roc_auc(values: NDArray[np.floating], truth: NDArray[np.bool_]) -> float | None:
    """Computes the exact area under the ROC curve (the Mann–Whitney statistic).

    It is the probability that the value of a pixel in the truth exceeds that of a pixel outside it. Ties
    count half.

    Args:
        values: A score for each pixel.
        truth: Whether each pixel belongs to the truth.

    Returns:
        The area, or None if the truth has one class only.
    """
    from scipy.stats import rankdata

    positives = int(truth.sum())
    negatives = truth.size - positives
    if positives == 0 or negatives == 0:
        return None
    rank_sum = float(rankdata(values, axis=None)[truth.ravel()].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def _score(attention: Map, truth: NDArray[np.bool_], threshold: float) -> MapScore:
    claimed = attention > threshold
    right = int((claimed & truth).sum())
    return MapScore(
        auc=roc_auc(attention, truth),
        iou=intersection_over_union(claimed, truth),
        precision=_share(right, int(claimed.sum())),
        recall=_share(right, int(truth.sum())),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _mean(scores: Sequence[MapScore]) -> MapScore:
    columns = ([getattr(score, field.name) for score in scores] for field in fields(MapScore))
    defined = ([value for value in column if value is not None] for column in columns)
    return MapScore(*(fmean(values) if values else None for values in defined))


def _as_tensor(pixels: Pixels) -> torch.Tensor:
    """Converts H×W×C to 1×3×H×W in 0–1."""
    import torch

    scaled = as_rgb(pixels).astype(np.float32) / np.iinfo(pixels.dtype).max
    return torch.from_numpy(scaled).permute(2, 0, 1)[None]
