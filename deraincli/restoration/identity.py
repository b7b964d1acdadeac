"""One identity of "same model, same settings": results with equal identities have equal pixels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

RESULTS_VERSION = 1
"""Raise it in the change that makes the same weights and settings give other pixels.

Finished results of older versions are then made again. It is not the number of the release, which would
make everything again for a spelling mistake.
"""

SETTINGS = ("precision", "backend", "tile", "overlap", "working_side", "max_seconds")
"""The arguments of `load` that show in the pixels.

The others do not enter. The weights stand for `model` and `task`, and shards on different devices must
agree on what is done.
"""


def results_identity(weights: str, network: Mapping[str, Any], *further: object) -> str:
    """Returns 16 hexadecimal digits that stand for a model and its settings.

    Args:
        weights: The SHA-256 of the model's files, as `ResolvedModel` has it.
        network: Arguments of `load`, as the user asked for them ("auto", not "bf16"), so that all machines
            agree.
        further: What else shows in the files, such as their format. Each has a JSON form.
    """
    chosen = [network.get(name) for name in SETTINGS]
    text = json.dumps([RESULTS_VERSION, weights, chosen, further])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
