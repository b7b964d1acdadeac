"""The layouts of paired deraining sets on disk, which say how rainy and clean pictures pair.

A layout is a row of LAYOUTS and has a few rules. A rule names the folder of rainy pictures, the folder of
clean ones, and for each a regular expression for the stems of file names. Its first group is the key that the
two pictures of a pair share. Pictures pair by name, never by their order. A new layout is a new row.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from deraincli.files.walk import natural_path, pictures, walk


@dataclass(frozen=True)
class Rule:
    """The folders of rainy and clean pictures, and the stems that pair there."""

    rainy_folder: str
    """Folder of the rainy pictures, relative to the set's folder."""
    rainy_stem: str
    """Regular expression for their stems. Its first group is the key."""
    clean_folder: str
    """Folder of the clean pictures, relative to the set's folder."""
    clean_stem: str
    """Regular expression for their stems. Its first group is the key."""


@dataclass(frozen=True)
class Matches:
    """The pictures of a set that pair, and those that do not, both in natural order."""

    pairs: tuple[tuple[Path, Path], ...]
    """The pairs, each a rainy and a clean picture. The clean one may belong to several pairs."""
    unpaired: tuple[Path, ...]
    """Pictures in the same folders that belong to no pair."""


@dataclass(frozen=True)
class Layout:
    """A layout of paired sets on disk."""

    name: str
    """The value of `--layout`."""
    description: str
    """Folders and file names, for users."""
    rules: tuple[Rule, ...]
    """Rules that are tried in order. The first that finds a pair is used."""
    protocol: str = "prenet"
    """The evaluation protocol that papers use for sets in this layout."""

    def match(self, folder: Path) -> Matches:
        """Returns the matches of the first rule that finds a pair, or empty matches if no rule does.

        Args:
            folder: The set's folder.

        Raises:
            InputError: A folder of a rule cannot be listed.
        """
        for rule in self.rules:
            matches = _apply(rule, folder)
            if matches.pairs:
                return matches
        return Matches(pairs=(), unpaired=())


def _apply(rule: Rule, folder: Path) -> Matches:
    rainy = pictures(folder / rule.rainy_folder)
    clean = pictures(folder / rule.clean_folder)
    keys = _keys(clean, rule.clean_stem)
    claims = Counter(key for _, key in keys)
    clean_by_key = {key: path for path, key in keys if claims[key] == 1}  # norain-1.png and 1.png: ambiguous
    pairs = [(path, clean_by_key[key]) for path, key in _keys(rainy, rule.rainy_stem) if key in clean_by_key]
    paired = {path for pair in pairs for path in pair}
    unpaired = sorted({*rainy, *clean} - paired, key=natural_path)
    return Matches(tuple(pairs), tuple(unpaired))


def _keys(paths: list[Path], stem_pattern: str) -> list[tuple[Path, str]]:
    """Returns the files whose stem matches, each with its key.

    Files with the same stem, such as 1.png and 1.jpg, are ambiguous and left out.
    """
    stems = Counter(path.stem for path in paths)
    matched = ((path, re.fullmatch(stem_pattern, path.stem)) for path in paths if stems[path.stem] == 1)
    return [(path, match[1]) for path, match in matched if match]


ANY = r"(.+)"
RAIN = r"rain-(\w+)"
NORAIN = r"norain-(\w+)"
MAYBE_PREFIXED = r"(?:(?:no)?rain-)?(\w+)"  # rain/ and norain/ need no prefix in the names of files

CLEAN_FOLDERS = frozenset({"target", "gt", "ground_truth", "groundtruth", "norain"})
"""Names in lower case that paired sets give to the folder of their clean pictures."""


def clean_side(folder: Path) -> Path | None:
    """Returns the first sub-folder whose name is that of the clean half of a paired set, or None.

    Args:
        folder: The folder to search, with all its sub-folders.

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
"""All layouts by name, in the order in which they are tried."""
