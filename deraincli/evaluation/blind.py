"""Blind comparison: a page on which a person judges two hidden versions of each picture, and what came out.

The page holds the names of the versions only in encoded form. That keeps an honest judge blind, not one who
searches the source of the page.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import TypeAdapter, ValidationError
from scipy.stats import binomtest

from deraincli.callbacks import OnWarning
from deraincli.errors import InputError, missing
from deraincli.pixels import Pixels
from deraincli.reporting.html_page import Comparison, embed, fill_template

_TEMPLATE = Path(__file__).parents[1] / "reporting" / "blind_page.html"


@dataclass(frozen=True)
class Trial:
    """One picture to judge."""

    name: str
    """Name of the picture."""
    read: Callable[[], tuple[Pixels, Pixels]]
    """Makes both versions in the order of their names, each H×W×3 uint8. Called once."""


@dataclass(frozen=True)
class _Key:
    """What the page hides."""

    versions: tuple[str, str]
    """Names of both versions."""
    pictures: list[str]
    """Names of the pictures in the order of the page."""
    swapped: list[bool]
    """For each picture, whether the second version is on the left."""


@dataclass(frozen=True)
class _Answers:
    """What the page saves."""

    kind: Literal["derain blind answers"]
    """Distinguishes the file from others."""
    sealed: str
    """The encoded key."""
    answers: list[Literal["left", "same", "right"] | None]
    """For each picture, the better side. None if it was not judged."""


@dataclass(frozen=True)
class BlindResult:
    """The judgements of one person."""

    versions: tuple[str, str]
    """Names of both versions."""
    preferred: dict[str, str | None]
    """The better version by picture, "" where there was no difference, None where it was not judged."""

    def count(self, verdict: str | None) -> int:
        """Counts the pictures with a verdict."""
        return list(self.preferred.values()).count(verdict)

    @property
    def p_value(self) -> float:
        """The two-sided sign test: the probability that chance gives a split at least as uneven, 0–1.

        Pictures without a difference do not count. Without any preference it is 1.
        """
        first, second = map(self.count, self.versions)
        return float(binomtest(first, first + second).pvalue) if first + second else 1.0

    def record(self) -> dict[str, Any]:
        """Returns the result as a dict for JSON."""
        return {
            "versions": list(self.versions),
            "preferred": {version: self.count(version) for version in self.versions},
            "no_difference": self.count(""),
            "not_judged": self.count(None),
            "sign_test_p": self.p_value,
            "pictures": [{"name": name, "better": better} for name, better in self.preferred.items()],
        }

    def __str__(self) -> str:
        first, second = self.versions
        unjudged = self.count(None)
        return (
            f"{first} is better on {self.count(first)}, {second} on {self.count(second)}, no difference on "
            f"{self.count('')} of {len(self.preferred)} pictures"
            + (f", {unjudged} not judged" if unjudged else "")
            + f"; sign test p = {self.p_value:.3g}"
        )


def blind_page(
    title: str,
    versions: tuple[str, str],
    trials: Sequence[Trial],
    *,
    seed: int | None = None,
    on_note: OnWarning | None = None,
) -> str:
    """Makes the page. It shows the pictures in random order, each version on the left half of the times.

    Args:
        title: Title of the page.
        versions: Names of both versions.
        trials: At least one picture.
        seed: Seed of the order. None draws another order each time.
        on_note: Receives a sentence for each picture that the page shows smaller than it is or with loss.

    Returns:
        The page.
    """
    rng = np.random.default_rng(seed)
    order = [trials[k] for k in rng.permutation(len(trials))]
    swapped = rng.permutation(np.arange(len(trials)) % 2 == rng.integers(2)).tolist()
    comparisons = [
        Comparison(trial.name, "", (), partial(_sides, trial, swap))
        for trial, swap in zip(order, swapped, strict=True)
    ]
    shown = [
        (picture, swap)
        for picture, swap in zip(embed(comparisons, True, on_note), swapped, strict=True)
        if picture["views"]  # a full page leaves the others out
    ]
    key = _Key(versions, [picture["name"] for picture, _ in shown], [swap for _, swap in shown])
    report = {
        "title": title,
        "comparisons": [
            {part: picture[part] for part in ("caption", "views", "small")} for picture, _ in shown
        ],
        "sealed": base64.b64encode(TypeAdapter(_Key).dump_json(key)).decode(),
    }
    return fill_template(_TEMPLATE, report)


def read_answers(file: Path) -> BlindResult:
    """Reads the answers that a page has saved.

    Args:
        file: The file.

    Returns:
        The judgements.

    Raises:
        InputError: The file cannot be read, or is of another kind or damaged.
    """
    try:
        given = TypeAdapter(_Answers).validate_json(file.read_bytes())
        key = TypeAdapter(_Key).validate_json(base64.b64decode(given.sealed, validate=True))
        if not len(given.answers) == len(key.pictures) == len(key.swapped):
            raise ValueError
    except FileNotFoundError:
        raise missing(file) from None
    except OSError as error:
        raise InputError(f"'{file}' cannot be read: {error.strerror or error}.") from None
    except (ValidationError, ValueError):
        raise InputError(
            f"'{file}' does not hold the answers of a blind comparison: save them on its page again."
        ) from None
    preferred: dict[str, str | None] = {}
    for picture, swap, answer in zip(key.pictures, key.swapped, given.answers, strict=True):
        sides = dict(zip(("left", "right"), reversed(key.versions) if swap else key.versions, strict=True))
        preferred[picture] = sides.get(answer, "") if answer else None
    return BlindResult(key.versions, preferred)


def _sides(trial: Trial, swap: bool) -> dict[str, Pixels]:
    first, second = trial.read()
    return {"left": second, "right": first} if swap else {"left": first, "right": second}
