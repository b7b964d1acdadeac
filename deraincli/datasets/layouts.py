"""The on-disk layouts of paired deraining sets: which folders hold what, and how names pair.

A layout is a row of LAYOUTS: a few rules, each naming the folder of rainy pictures, the folder of clean ones,
and for both the pattern of a file name's stem, whose first group is the key the two share. Names pair, never
listing order. A new layout is a new row.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from deraincli.files.walk import natural_path, pictures, walk


@dataclass(frozen=True)
class Rule:
    """Where rainy and clean pictures lie, relative to the set's folder, and the stems that pair there."""

    rainy_folder: str
    rainy_stem: str
    clean_folder: str
    clean_stem: str


@dataclass(frozen=True)
class Matches:
    """Files that pair, as (rainy, clean), and the pictures beside them that do not; both in natural order."""

    pairs: tuple[tuple[Path, Path], ...]
    unpaired: tuple[Path, ...]


@dataclass(frozen=True)
class Layout:
    """A way of laying out a paired set.

    name: what `--layout` takes.
    description: folders and names, as a reader would draw them.
    rules: tried in order; the first that pairs anything is the one.
    protocol: the evaluation protocol papers use on sets laid out like this.
    """

    name: str
    description: str
    rules: tuple[Rule, ...]
    protocol: str = "prenet"

    def match(self, folder: Path) -> Matches:
        """The pairs of the first rule that finds any in the folder; no pairs at all if none does."""
        for rule in self.rules:
            matches = _apply(rule, folder)
            if matches.pairs:
                return matches
        return Matches(pairs=(), unpaired=())


def _apply(rule: Rule, folder: Path) -> Matches:
    rainy = pictures(folder / rule.rainy_folder)
    clean = pictures(folder / rule.clean_folder)
    clean_by_key = {key: path for path, key in _keys(clean, rule.clean_stem)}
    pairs = [(path, clean_by_key[key]) for path, key in _keys(rainy, rule.rainy_stem) if key in clean_by_key]
    paired = {path for pair in pairs for path in pair}
    unpaired = sorted({*rainy, *clean} - paired, key=natural_path)
    return Matches(tuple(pairs), tuple(unpaired))


def _keys(paths: list[Path], stem_pattern: str) -> list[tuple[Path, str]]:
    """(path, key) of the files whose stem fits; a stem that occurs twice (1.png, 1.jpg) is ambiguous."""
    stems = Counter(path.stem for path in paths)
    matched = ((path, re.fullmatch(stem_pattern, path.stem)) for path in paths if stems[path.stem] == 1)
    return [(path, match[1]) for path, match in matched if match]


ANY = r"(.+)"
RAIN = r"rain-(\w+)"
NORAIN = r"norain-(\w+)"
MAYBE_PREFIXED = r"(?:(?:no)?rain-)?(\w+)"  # inside rain/ or norain/ the folder says which it is

CLEAN_FOLDERS = frozenset({"target", "gt", "ground_truth", "groundtruth", "norain"})
"""Names, in small letters, that paired sets give to the folder of their clean pictures."""


def clean_side(folder: Path) -> Path | None:
    """Returns the first folder below whose name says that it holds the clean half of a paired set, if any.

    Raises:
        InputError: The folder cannot be listed.
    """
    inside = map(Path, walk(folder).folders)
    return next((folder / child for child in inside if child.name.lower() in CLEAN_FOLDERS), None)


HALVES = Layout(
    "halves",
    "one picture holds both halves side by side (Rain800, Test100, Rain1200); --left says which half is left",
    (Rule(".", ANY, ".", ANY),),
)

LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        Layout(
            "input-target",
            "input/NAME with target/NAME (MPRNet, Restormer)",
            (Rule("input", ANY, "target", ANY),),
        ),
        Layout(
            "agan",
            "data/N_rain with gt/N_clean (AGAN raindrops)",
            (Rule("data", r"(.+)_rain", "gt", r"(.+)_clean"),),
            protocol="agan",
        ),
        Layout(
            "rain1400",
            "rainy_image/N_1 … N_14 with ground_truth/N (DDN, Rain1400)",
            (Rule("rainy_image", r"(.+)_\d+", "ground_truth", ANY),),
        ),
        Layout(
            "rain200",
            "rain/X2/norain-Nx2 with norain/norain-N (Rain200L, Rain200H)",
            (Rule("rain/X2", r"norain-(\w+)x2", "norain", NORAIN),),
        ),
        Layout(
            "rain100",
            "rain-N with norain-N, side by side or in rain/ or rainy/ and norain/ (Rain100L, Rain100H)",
            (
                Rule("rain", MAYBE_PREFIXED, "norain", MAYBE_PREFIXED),
                Rule("rainy", MAYBE_PREFIXED, "norain", MAYBE_PREFIXED),
                Rule("rain", RAIN, ".", NORAIN),
                Rule("rainy", RAIN, ".", NORAIN),
                Rule(".", RAIN, "norain", NORAIN),
                Rule(".", RAIN, ".", NORAIN),
            ),
        ),
        HALVES,
    )
}
"""Every layout by name, in the order they are tried."""
