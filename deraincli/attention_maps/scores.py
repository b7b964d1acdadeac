"""How well RAM and CAM find what they are named for, against the maps that training aims at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata

from deraincli.imaging.colour import grey_to_rgb
from deraincli.imaging.image import Pixels
from deraincli.models.balnet.targets import attention_targets

Map = NDArray[np.float32]
"""H×W in 0–1."""


@dataclass(frozen=True)
class MapScore:
    """A map against its binary ground truth; None where it is not defined, as on a picture without rain."""

    auc: float | None
    """Area under the ROC curve: 1 is a perfect ranking of the pixels, 0.5 one by chance."""
    iou: float | None
    """Intersection over union of the map above the threshold with the truth."""
    precision: float | None
    """Share of what is above the threshold that is right."""
    recall: float | None
    """Share of the truth that is above the threshold."""


@dataclass(frozen=True)
class Scores:
    """Both maps of one picture, or the means over several."""

    ram: MapScore
    cam: MapScore

    def record(self) -> dict[str, dict[str, float | None]]:
        """For JSON."""
        return asdict(self)


def score_maps(ram: Map, cam: Map, rainy: Pixels, clean: Pixels, *, threshold: float) -> Scores:
    """Both maps against the ground truth of `losses.attention_targets`.

    rainy, clean: H×W×C, uint8 or uint16, C = 1 or 3, of the maps' size.
    threshold: a map claims the pixels where it is above this.
    """
    truths = attention_targets(_as_tensor(rainy), _as_tensor(clean))
    ram_truth, cam_truth = (truth[0, 0].numpy() > 0 for truth in truths)
    return Scores(_score(ram, ram_truth, threshold), _score(cam, cam_truth, threshold))


def complementarity_gap(ram: Map, cam: Map) -> float:
    """Mean |RAM + CAM − 1|: 0 where two branches say the same, so that one of them would do."""
    return float(np.abs(ram + cam - 1).mean(dtype=np.float64))


def mean_scores(scores: Sequence[Scores]) -> Scores:
    """Means over pictures, of every number over those where it is defined."""
    ram, cam = (_mean([getattr(each, name) for each in scores]) for name in ("ram", "cam"))
    return Scores(ram, cam)


def roc_auc(values: NDArray[np.floating], truth: NDArray[np.bool_]) -> float | None:
    """Area under the ROC curve, exact: the chance that a true pixel's value exceeds that of another one,
    ties counting half (the Mann–Whitney statistic). None where the truth has one class only.
    """
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
        iou=_share(right, int((claimed | truth).sum())),
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
    """1×3×H×W in 0–1."""
    colour = grey_to_rgb(pixels) if pixels.shape[2] == 1 else pixels
    scaled = colour.astype(np.float32) / np.iinfo(pixels.dtype).max
    return torch.from_numpy(scaled).permute(2, 0, 1)[None]
