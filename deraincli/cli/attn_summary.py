"""What `derain attn` tells of all its pictures together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

from deraincli.cli import output
from deraincli.cli.output import Output
from deraincli.errors import InputError

if TYPE_CHECKING:
    from deraincli.attention_maps.scores import Scores

NUMBERS = {"auc": "AUC", "iou": "IoU", "precision": "precision", "recall": "recall"}
"""Of either map: the fields of a MapScore and their headings in the table."""


class Look(NamedTuple):
    """What came out for one picture."""

    name: str
    record: dict[str, Any]
    """The rest of its JSON record."""
    scores: Scores | None
    """None without ground truth."""
    mirror_gap: float


def summarise(
    source: Path, count: int, looks: Sequence[Look], failed: int, threshold: float, out: Output
) -> None:
    """Means over several pictures, the scores as a table, and how many failed.

    count: the pictures of `source`, skipped ones among them.
    Raises InputError if all failed.
    """
    from deraincli.attention_maps.scores import mean_scores

    if failed == count:
        raise InputError(f"None of the {count} pictures could be looked at: see the reasons above.")
    if failed:
        output.error(f"{failed} of {count} pictures failed.")
    if not looks:
        return
    scored = [(look.name, look.scores, look.mirror_gap) for look in looks if look.scores is not None]
    mean = mean_scores([scores for _, scores, _ in scored]) if scored else None
    gap = fmean(look.mirror_gap for look in looks)
    if out.json and count > 1:
        record = {"source": str(source), "count": len(looks), "threshold": threshold}
        out.result(record | {"mirror_gap": gap} | (mean.record() if mean else {}), "")
    elif mean and not out.json and not out.quiet:
        rows = [*scored, (f"mean of {len(scored)}", mean, gap)] if count > 1 else scored
        columns = ("picture", "map", *NUMBERS.values(), "|RAM+CAM−1|")
        title = f"Attention maps of {source}, threshold {threshold:g}"
        out.table(title, columns, [cells for row in rows for cells in _cells(*row)])


def _cells(name: str, scores: Scores, gap: float) -> Iterator[list[str]]:
    """Two rows of the table."""
    for map_name, score in (("RAM", scores.ram), ("CAM", scores.cam)):
        numbers = (getattr(score, number) for number in NUMBERS)
        shown = ("" if value is None else f"{value:.3f}" for value in numbers)
        yield [name, map_name, *shown, f"{gap:.3f}"]
