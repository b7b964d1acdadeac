"""Lists what to try if a restoration changed an image little."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deraincli.geometry import Size
from deraincli.inference.working_size import FINEST_SIDE
from deraincli.model_zoo.catalogue import AUTO_MODEL

if TYPE_CHECKING:
    from deraincli.restoration.load import LoadOptions

FINER_SIDE = 2000
"""Working side to try in large photos, pixels. Coarser sides follow it, which "full" leaves out."""


def what_to_try(asked: LoadOptions, used: str, image: Size) -> str:
    """Returns what to do about rain that a restoration left, as the end of a sentence.

    Following the advice never leads back to the same command.

    Args:
        asked: The options that the user chose.
        used: The model that restored the image.
        image: The image's size.
    """
    options = []
    # Where both specialists restored an image in turn, there is no other task to try.
    other_task = {AUTO_MODEL.members["drop"]: "--task streak", AUTO_MODEL.members["streak"]: "--task drop"}
    if asked.model in (None, AUTO_MODEL.name) and used in other_task and asked.task != "streak":
        options.append(other_task[used])
    if used != "balnet-small":
        options.append("--model balnet-small")
    finest = FINEST_SIDE if asked.working_side == "auto" else asked.working_side
    if finest != "full" and finest < min(image.height, image.width, FINER_SIDE):
        options.append(f"--working-side {FINER_SIDE}")
    if not options:
        return "no shipped model recognises it"
    return "try " + " or ".join([", ".join(options[:-1]), options[-1]] if options[1:] else options)
