"""Lists what to try if a restoration changed an image little."""

from __future__ import annotations

from deraincli.geometry import Size
from deraincli.inference.working_size import FINEST_SIDE, SideChoice
from deraincli.model_zoo.catalogue import AUTO_MODEL

FINER_SIDE = 2000
"""Working side to try in large photos, pixels. Coarser sides follow it, which "full" leaves out."""


def what_to_try(asked: str | None, used: str, side: SideChoice, image: Size | None) -> str:
    """Returns the options that may remove the rain which a restoration left, as text.

    Args:
        asked: The model that the user chose. None stands for the default.
        used: The model that restored the image.
        side: The working side that the user chose.
        image: The image's size. None for several images.
    """
    options = []
    # Where both specialists restored an image in turn, there is no other task to try.
    other_task = {AUTO_MODEL.members["drop"]: "--task streak", AUTO_MODEL.members["streak"]: "--task drop"}
    if asked in (None, AUTO_MODEL.name) and used in other_task:
        options.append(other_task[used])
    options.append("--model balnet-small" if used != "balnet-small" else f"--model {AUTO_MODEL.name}")
    finest = FINEST_SIDE if side == "auto" else side
    own = FINER_SIDE if image is None else min(image.height, image.width)
    if finest != "full" and finest < min(own, FINER_SIDE):
        options.append(f"--working-side {FINER_SIDE}")
    return " or ".join([", ".join(options[:-1]), options[-1]] if options[1:] else options)
