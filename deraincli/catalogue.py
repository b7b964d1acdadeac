"""The models by name: those that ship with the package, and how any model that is asked for is found."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from deraincli.errors import ModelError, UsageError
from deraincli.header import WEIGHTS_FILE
from deraincli.parts import INDEX_FILE

BEST_FILE = "best.safetensors"
"""Where a training run keeps its best weights."""


class Score(NamedTuple):
    """What a model reached on a set."""

    dataset: str
    protocol: str
    """As in `derain eval --protocol`."""
    psnr: float
    """dB, the mean over the set."""
    ssim: float


@dataclass(frozen=True)
class ShippedModel:
    """A model known by name; weights/README.md tells how it came about."""

    file: str
    """Below the folder `weights`."""
    sha256: str
    tasks: tuple[str, ...]
    """What `--task` it serves."""
    parameters: int
    licence: str
    """An identifier such as mit, or a name, a colon and the terms."""
    provenance: str
    """One or two sentences: design, data, what it has not seen."""
    scores: tuple[Score, ...]
    """Measured with exactly this file; each line of `derain eval SET -m NAME`."""
    known_psnr: float
    """dB on the known picture, as `derain weights verify NAME` prints it."""
    hub: str | None = None
    """Where it is published, pinned by commit, for files that the package does not bring along."""


SHIPPED: dict[str, ShippedModel] = {
    "balnet-lite": ShippedModel(
        file="balnet-lite.safetensors",
        sha256="7909083d6d6e653be8fe22b9f1c5ff19410632c319e69156277e65c890f94ff9",
        tasks=("streak",),
        parameters=995_296,
        licence="research and evaluation: trained on photos and rain layers that their owners give for "
        "research; whoever wants to use it commercially should ask what their terms mean for that",
        provenance="Trained on 638 clean photos with rain drawn on the fly, half procedural, half cut from "
        "recorded layers. It has seen streaks only: no lens raindrops, mist or snow.",
        scores=(
            Score("20 pairs of Rain100L (validation)", "prenet", 34.64, 0.9587),
            Score("Rain12", "prenet", 35.58, 0.9528),
            Score("10 pairs of Rain100H", "prenet", 24.70, 0.7549),
            Score("5 pairs of Rain200H", "prenet", 25.88, 0.7462),
        ),
        known_psnr=41.07,
    ),
}

DEFAULTS: dict[str, str] = {"auto": "balnet-lite", "streak": "balnet-lite"}
"""The model that serves a task when none is named."""


def weights_folder() -> Path:
    """The folder `weights`: inside an installed package, or at the top of a source checkout."""
    package = Path(__file__).parent
    installed = package / "weights"
    return installed if installed.is_dir() else package.parent / "weights"


def find_model(model: str | None, task: str = "auto") -> tuple[str, Path]:
    """The name and file of a model given by name, path or address on the Hub, or of a task's default.

    A folder is one as the Hugging Face Hub lays it out, or a training run's. Raises ModelError if there
    is no such model or none for the task.
    """
    if model is None:
        model = _default(task)
    if model in SHIPPED:
        return model, _file_of(SHIPPED[model])
    if model.startswith("hf:"):
        from deraincli import hub

        address = hub.parse_address(model)
        return address.name, hub.fetch(address)
    path = Path(model)
    if path.is_dir():
        return path.resolve().name, _weights_in(path)
    if path.suffix == ".safetensors" or path.exists():
        return path.stem, path
    near = difflib.get_close_matches(model, SHIPPED, 1)
    hint = f"did you mean {near[0]}?" if near else f"shipped: {', '.join(SHIPPED)}."
    raise ModelError(f"Unknown model {model!r}; {hint} A .safetensors file or hf:OWNER/NAME works, too.")


def _file_of(entry: ShippedModel) -> Path:
    file = weights_folder() / entry.file
    if file.is_file() or entry.hub is None:
        return file
    from deraincli import hub

    return hub.fetch(hub.parse_address(entry.hub), expected_sha256=entry.sha256)


def _weights_in(folder: Path) -> Path:
    for file in (WEIGHTS_FILE, INDEX_FILE, BEST_FILE):
        if (folder / file).is_file():
            return folder / file
    raise ModelError(
        f"There is neither a {WEIGHTS_FILE} nor a {BEST_FILE} in {folder}: name a model's folder."
    )


def _default(task: str) -> str:
    if task not in ("auto", "streak", "drop"):
        raise UsageError(f"Unknown task {task!r}: choose auto, streak or drop.")
    if task not in DEFAULTS:
        raise ModelError(
            f"No weights for --task {task} ship with this version; train some with `derain train`."
        )
    return DEFAULTS[task]
