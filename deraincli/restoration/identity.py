"""One identity of "same model, same settings": results with equal identities have equal pixels."""

from __future__ import annotations

import hashlib
import json

from deraincli.model_zoo.resolve import ResolvedModel
from deraincli.restoration.load import LoadOptions

RESULTS_VERSION = 1
"""Raise it in the change that makes the same weights and settings give other pixels.

Finished results of older versions are then made again. It is not the number of the release, which would
make everything again for a spelling mistake.
"""

SETTINGS = ("precision", "backend", "tile", "overlap", "working_side", "max_seconds")
"""The fields of `LoadOptions` that show in the pixels.

The others do not enter. The weights stand for `model` and `task`, and shards on different devices must
agree on what is done.
"""


def results_identity(model: ResolvedModel, options: LoadOptions, *further: object) -> str:
    """Returns 16 hexadecimal digits that stand for a model and its settings.

    Args:
        model: The model's files. Their hashes stand for it.
        options: How it runs, as the user asked for it ("auto", not "bf16"), so that all machines agree.
        further: What else shows in the files, such as their format. Each has a JSON form.
    """
    chosen = [getattr(options, name) for name in SETTINGS]
    text = json.dumps([RESULTS_VERSION, model.sha256, chosen, further])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
