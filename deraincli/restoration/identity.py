"""The identity of a model with its settings. Results with equal identities have equal pixels."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

from deraincli.model_zoo.resolve import ResolvedModel
from deraincli.restoration.backend_choice import choose_backend
from deraincli.restoration.control import WHOLE, ControlOptions
from deraincli.restoration.load import LoadOptions

RESULTS_VERSION = 3
"""Version of the results. Increase it in the change by which the same weights and settings give other pixels.

Finished results of older versions are then made again. The number of the release is not used, because even
the correction of a spelling mistake would then make all results again.
"""

SETTINGS = ("precision", "backend", "tile", "overlap", "working_side", "max_seconds", "ensemble")
"""The fields of `LoadOptions` that affect the pixels.

`model` and `task` are left out, because the hashes of the weights stand for them. `device` and `provider` are
left out, because shards on different machines must agree on which pictures are finished.
"""


def results_identity(
    model: ResolvedModel, options: LoadOptions, *further: object, control: ControlOptions = WHOLE
) -> str:
    """Returns 16 hexadecimal digits that identify a model and its settings.

    Args:
        model: The model's files. Only their hashes count.
        options: The options as the user gave them ("auto", not "bf16"), so that all machines agree. Only
            the backend is the chosen one, because backends differ in more than speed.
        *further: Further values that affect the results' files, such as their format. JSON can hold each.
        control: The share of the change that is applied. The hashes of the masks count.

    Raises:
        InputError: A mask cannot be read.
    """
    options = replace(options, backend=choose_backend(options.backend, options.model, options.device))
    chosen = [getattr(options, name) for name in SETTINGS]
    # Nothing is added for the whole change, so that results of earlier versions stay finished.
    text = json.dumps([RESULTS_VERSION, model.sha256, chosen, further, *control.identity])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
