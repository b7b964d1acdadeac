"""The models by name: those that ship with the package, and how any model that is asked for is found."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from deraincli.errors import ModelError, UsageError
from deraincli.models.header import WEIGHTS_FILE, sha256

REINSTALL = "run `pip install --force-reinstall deraincli`"
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


_RESEARCH = (
    "research and evaluation: trained on pictures that their owners give for research; whoever wants to use "
    "it commercially should ask what their terms mean for that"
)

SHIPPED: dict[str, ShippedModel] = {
    "balnet-lite-streak": ShippedModel(
        file="balnet-lite-streak.safetensors",
        sha256="361e799479e4ac1a6f24ac0313693457857cec4525aea3725611f7b5f5b7be44",
        tasks=("streak",),
        parameters=995_296,
        licence=_RESEARCH,
        provenance="Trained on 638 clean photos with rain drawn on the fly, half procedural, half cut from "
        "recorded layers, a fifth as in photos: in mist, at night, in JPEGs. It has seen streaks only: no "
        "lens raindrops or snow.",
        scores=(
            Score("20 pairs of Rain100L (validation)", "prenet", 36.90, 0.9731),
            Score("Rain12", "prenet", 37.30, 0.9676),
            Score("10 pairs of Rain100H", "prenet", 27.04, 0.8121),
            Score("5 pairs of Rain200H", "prenet", 27.34, 0.8008),
        ),
        known_psnr=45.87,
    ),
    "balnet-lite-drop": ShippedModel(
        file="balnet-lite-drop.safetensors",
        sha256="9dd4c1b60aefb3198a5c57331d8ae40fc72db495807031c308950a0d4c02a384",
        tasks=("drop",),
        parameters=995_296,
        licence=_RESEARCH,
        provenance="Begun from balnet-lite-streak and trained on 638 clean photos with lens drops drawn on "
        "the fly or taken from four pairs of the AGAN raindrop data, and on these. It has seen drops only: "
        "no streaks.",
        scores=(Score("4 pairs of AGAN's test_a (validation)", "agan", 27.29, 0.8874),),
        known_psnr=33.69,
    ),
    "balnet-small": ShippedModel(
        file="balnet-small.safetensors",
        sha256="afd8944e1b0f9e1b074aba55486ece6145acb87a10089d8957886049d9aa40a9",
        tasks=("streak",),
        parameters=2_214_880,
        licence=_RESEARCH,
        provenance="Begun as balnet-lite-streak with further blocks and trained in the same way; better "
        "on the sets below, and 1.7 times as slow. It has seen streaks only: no lens raindrops or snow.",
        scores=(
            Score("20 pairs of Rain100L (validation)", "prenet", 37.06, 0.9741),
            Score("Rain12", "prenet", 37.42, 0.9694),
            Score("10 pairs of Rain100H", "prenet", 27.39, 0.8202),
            Score("5 pairs of Rain200H", "prenet", 27.33, 0.8086),
        ),
        known_psnr=46.51,
    ),
}

EITHER_RAIN = "balnet-lite"
"""Either of the two defaults below, chosen for each picture by `deraincli.restoration.auto_model`. Where one
file is wanted, as for a warm start, it is the one for streaks."""

DEFAULTS: dict[str, str] = {"streak": "balnet-lite-streak", "drop": "balnet-lite-drop"}
"""The model that serves a task when none is named."""


def weights_folder() -> Path:
    """The folder `weights`: inside an installed package, or at the top of a source checkout."""
    package = Path(__file__).parents[1]
    installed = package / "weights"
    return installed if installed.is_dir() else package.parent / "weights"


def find_model(model: str | None, task: str = "auto") -> tuple[str, Path]:
    """The name and file of a model given by name, path or address on the Hub, or of a task's default.

    A folder is one as the Hugging Face Hub lays it out, or a training run's. Raises ModelError if there
    is no such model, or a shipped one is damaged.
    """
    if model in (None, EITHER_RAIN):
        model = default_model(task)
    if model == EITHER_RAIN:
        return model, _file_of(SHIPPED[DEFAULTS["streak"]])
    if model in SHIPPED:
        return model, _file_of(SHIPPED[model])
    if model.startswith("hf:"):
        from deraincli.model_zoo import hub

        address = hub.parse_address(model)
        return address.name, hub.fetch(address)
    path = Path(model)
    if path.is_dir():
        return path.resolve().name, _weights_in(path)
    if path.suffix == ".safetensors" or path.exists():
        return path.stem, path
    raise _unknown(model)


def _unknown(model: str) -> ModelError:
    """What to do with a name that no shipped model has."""
    from deraincli.models.classical.registry import SOLVERS
    from deraincli.models.registry import NETWORKS

    if model in SOLVERS:
        return ModelError(
            f"'{model}' is a solver, which image, compare and bench run; "
            "to score its results: derain eval DATASET --results DIR."
        )
    if model in NETWORKS:
        return ModelError(
            f"'{model}' ships without weights: train it (derain train) and give its file, "
            "-m RUNDIR/best.safetensors."
        )
    names = (EITHER_RAIN, *SHIPPED)
    near = difflib.get_close_matches(model, names, 1)
    hint = f"did you mean {near[0]}?" if near else f"shipped: {', '.join(names)}."
    return ModelError(f"Unknown model {model!r}; {hint} A .safetensors file or hf:OWNER/NAME works, too.")


def model_files(model: str | None, task: str = "auto") -> tuple[Path, ...]:
    """Every file that what a model makes of a picture depends on. Raises ModelError as `find_model`."""
    name, path = find_model(model, task)
    if name != EITHER_RAIN or path != _file_of(SHIPPED[DEFAULTS["streak"]]):
        return (path,)
    return tuple(_file_of(SHIPPED[specialist]) for specialist in DEFAULTS.values())


def _file_of(entry: ShippedModel) -> Path:
    """The file of a shipped model, every bit as it was. Hashing 2 MB takes some milliseconds."""
    file = weights_folder() / entry.file
    if file.is_file() or entry.hub is None:
        if not file.is_file() or sha256(file) != entry.sha256:
            raise ModelError(
                f"The shipped model '{file}' is {'damaged' if file.is_file() else 'missing'}: {REINSTALL}."
            )
        return file
    from deraincli.model_zoo import hub

    return hub.fetch(hub.parse_address(entry.hub), expected_sha256=entry.sha256)


def _weights_in(folder: Path) -> Path:
    for file in (WEIGHTS_FILE, BEST_FILE):
        if (folder / file).is_file():
            return folder / file
    raise ModelError(
        f"There is neither a {WEIGHTS_FILE} nor a {BEST_FILE} in {folder}: name a model's folder."
    )


def default_model(task: str) -> str:
    """The name of the model that serves a task when none, or EITHER_RAIN, is named. Raises UsageError."""
    if task not in ("auto", "streak", "drop"):
        raise UsageError(f"Unknown task {task!r}: choose auto, streak or drop.")
    return EITHER_RAIN if task == "auto" else DEFAULTS[task]
