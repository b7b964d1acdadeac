"""Figures of the baselines at 320×320 from Tables 3 and 4 of the authors' response on BAL-Net.

They are printed next to the figures that are counted and measured here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class PaperFigures:
    """One column of those tables. None where the authors' response gives no number."""

    system: str
    """Name as written in the literature."""
    parameters: int | None
    """Number of parameters."""
    seconds: float | None
    """Seconds for one picture of 320×320 on the authors' hardware."""
    platform: Literal["CPU", "GPU"] | None
    """Processor that the authors used."""
    note: str
    """One sentence on the known difference from our figures. Empty where there is none."""


PAPER_FIGURES: dict[str, PaperFigures] = {
    "dsc": PaperFigures("DSC", None, 118.4, "CPU", "A classical method has no parameters to count."),
    "gmm": PaperFigures("GMM", None, 421.8, "CPU", "A classical method has no parameters to count."),
    "ddn": PaperFigures("DDN", 57_369, 0.19, "GPU", ""),
    "jorder": PaperFigures(
        "JORDER",
        406_792,
        375.4,
        "GPU",
        "370,497 is the authors' released single-pass network, so their recurrent one was probably run.",
    ),
    "did-mdn": PaperFigures(
        "DID-MDN",
        412_839,
        0.21,
        "GPU",
        "The authors' released network counts 372,839 without its density classifier.",
    ),
    "nledn": PaperFigures(
        "NLEDN", 56_312_645, 1.65, "GPU", "The authors' released checkpoints hold 1,005,379."
    ),
    "eigen": PaperFigures(
        "Eigen",
        26_427,
        0.21,
        "GPU",
        "The published layers count 754,691, so another network was probably meant.",
    ),
    "agan": PaperFigures(
        "AGAN", 36_206_378, 0.85, "GPU", "Generator 6,244,362, discriminator 7,737,746, together 13,982,108."
    ),
    "prenet": PaperFigures("PReNet", None, None, None, "The authors' response does not compare with it."),
    **{
        network: PaperFigures(system, None, None, None, "The authors' response does not compare with it.")
        for network, system in (
            ("brn", "BRN"),
            ("rcdnet", "RCDNet"),
            ("mprnet", "MPRNet"),
            ("restormer", "Restormer"),
        )
    },
    "balnet": PaperFigures(
        "BAL-Net",
        27_393_708,
        0.62,
        "GPU",
        "The layers are not published: these were found by a search for this count.",
    ),
}
"""Figures by the name of the network (`deraincli.models.registry.NETWORKS`) or of the classical method.

`balnet-lite` and `balnet-small` are our own networks and are not included.
"""
