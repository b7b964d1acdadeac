"""Figures of the baselines at 320×320 from Tables 3 and 4 of the authors' response on BAL-Net.

They are printed next to the figures that are counted and measured here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PaperFigures:
    """One column of those tables. None where the authors' response gives no number."""

    parameters: int | None
    """Number of parameters."""
    seconds: float | None
    """Seconds for one picture of 320×320 on the authors' hardware: a CPU for DSC and GMM, else a GPU."""
    note: str
    """One sentence on the known difference from our figures. Empty where there is none."""


PAPER_FIGURES: dict[str, PaperFigures] = {
    "dsc": PaperFigures(None, 118.4, "A classical method has no parameters to count."),
    "gmm": PaperFigures(None, 421.8, "A classical method has no parameters to count."),
    "ddn": PaperFigures(57_369, 0.19, ""),
    "jorder": PaperFigures(
        406_792,
        375.4,
        "370,497 is the authors' released single-pass network, so their recurrent one was probably run.",
    ),
    "did-mdn": PaperFigures(
        412_839,
        0.21,
        "The authors' released network counts 372,839 without its density classifier.",
    ),
    "nledn": PaperFigures(56_312_645, 1.65, "The authors' released checkpoints hold 1,005,379."),
    "eigen": PaperFigures(
        26_427,
        0.21,
        "The published layers count 754,691, so another network was probably meant.",
    ),
    "agan": PaperFigures(
        36_206_378, 0.85, "Generator 6,244,362, discriminator 7,737,746, together 13,982,108."
    ),
    **dict.fromkeys(
        ("prenet", "brn", "rcdnet", "mprnet", "restormer"),
        PaperFigures(None, None, "The authors' response does not compare with it."),
    ),
    "balnet": PaperFigures(
        27_393_708,
        0.62,
        "The layers are not published: these were found by a search for this count.",
    ),
}
"""Figures by the name of the network (`deraincli.models.registry.NETWORKS`) or of the classical method.

`balnet-lite` and `balnet-small` are our own networks and are not included.
"""
