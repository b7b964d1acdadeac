"""The golden table: what every shipped model makes of every picture, with every backend.

`SHEET` keeps the outputs of PyTorch in fp32 as one picture for each model. `TABLE` has a line for each
output, with its hash, what the model changed, and the difference from that sheet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import golden_pictures
import numpy as np
from golden_pictures import SIDE, Picture, Pixels, as_rgb8, restore_clip

import deraincli
from deraincli.model_zoo.catalogue import SHIPPED
from deraincli.model_zoo.exports import shipped_graph
from deraincli.model_zoo.resolve import resolve_model
from deraincli.restoration.derainer import Derainer

FOLDER = Path(__file__).parent
TABLE = FOLDER / "table.txt"
BACKENDS = ("fp32", "bf16", "onnxruntime")
"""PyTorch in fp32 and bf16, and ONNX Runtime in fp32."""
COLUMNS = 5
"""Pictures in a row of a sheet."""

Key = tuple[str, str, str]
"""Model, backend, picture."""


@dataclass(frozen=True)
class Row:
    """One output."""

    sha256: str
    """Of its pixels, the first 16 digits."""
    changed_mean: float
    """Mean absolute difference from the input, in levels of 255."""
    changed_max: float
    off_mean: float
    """Mean absolute difference from PyTorch in fp32, in levels of 255."""
    off_max: float


def outputs(model: str, backend: str) -> dict[str, Pixels]:
    """Restores every picture, whole. ONNX Runtime runs the graph that ships."""
    name = str(shipped_graph(resolve_model(model).files[0])) if backend == "onnxruntime" else model

    def load(side: int | str) -> Derainer:
        precision = "fp32" if backend == "onnxruntime" else backend
        engine = "onnxruntime" if backend == "onnxruntime" else "eager"
        return deraincli.load(
            name, device="cpu", precision=precision, backend=engine, tile="off", working_side=side
        )

    chosen: Mapping[str, Picture] = golden_pictures.pictures()
    derainers = {side: load(side) for side in {picture.working_side for picture in chosen.values()}}
    single = {label: derainers[picture.working_side](picture.pixels) for label, picture in chosen.items()}
    return single | restore_clip(derainers["full"], _clip(model))


def inputs(model: str) -> dict[str, Pixels]:
    """Returns every picture as a model gets it."""
    frames = {f"clip {number}": frame for number, frame in enumerate(_clip(model), start=1)}
    return {label: picture.pixels for label, picture in golden_pictures.pictures().items()} | frames


def _clip(model: str) -> list[Pixels]:
    """Returns the clip for a model.

    Models for drops leave streaks. The optical flow between frames then follows the streaks, and one level in
    a few pixels turns it.
    """
    return golden_pictures.clip(rainy="streak" in SHIPPED[model].tasks)


def measure(result: Pixels, source: Pixels, golden: Pixels) -> Row:
    """Returns the line of an output."""
    changed = np.abs(as_rgb8(result).astype(int) - as_rgb8(source))
    off = np.abs(as_rgb8(result).astype(int) - golden)
    digest = hashlib.sha256(np.ascontiguousarray(result).tobytes()).hexdigest()[:16]
    return Row(digest, float(changed.mean()), float(changed.max()), float(off.mean()), float(off.max()))


def sheet_path(model: str) -> Path:
    """Returns where a model's sheet is kept."""
    return FOLDER / f"{model}.png"


def write_sheet(model: str, results: Mapping[str, Pixels]) -> None:
    """Writes the outputs of a model, in the order of `inputs`."""
    rows = -(-len(results) // COLUMNS)
    sheet = np.zeros((rows * SIDE, COLUMNS * SIDE, 3), np.uint8)
    for place, result in zip(_places(), results.values(), strict=False):
        height, width = result.shape[:2]
        sheet[place][:height, :width] = as_rgb8(result)
    sheet_path(model).write_bytes(cv2.imencode(".png", sheet[..., ::-1])[1].tobytes())


def read_sheet(model: str) -> dict[str, Pixels]:
    """Returns the golden outputs of a model by picture, H×W×3 uint8."""
    sheet = cv2.imdecode(np.fromfile(sheet_path(model), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    found = {}
    for place, (name, source) in zip(_places(), inputs(model).items(), strict=False):
        height, width = source.shape[:2]
        found[name] = sheet[place][:height, :width]
    return found


def _places() -> Iterator[tuple[slice, slice]]:
    """Yields where each picture lies on a sheet."""
    number = 0
    while True:
        top, left = SIDE * (number // COLUMNS), SIDE * (number % COLUMNS)
        yield slice(top, top + SIDE), slice(left, left + SIDE)
        number += 1


def write_table(rows: Mapping[Key, Row]) -> None:
    """Writes the table, with the weights that it belongs to."""
    lines = ["# weights: model | sha256"]
    lines += [f"{model} | {shipped.sha256}" for model, shipped in SHIPPED.items()]
    lines += ["# model | backend | picture | sha256 | changed mean, max | off fp32 mean, max"]
    for key, row in rows.items():
        numbers = (row.changed_mean, row.changed_max, row.off_mean, row.off_max)
        lines.append(" | ".join([*key, row.sha256, *(f"{number:.3f}" for number in numbers)]))
    TABLE.write_text("\n".join(lines) + "\n")


def read_table() -> tuple[dict[str, str], dict[Key, Row]]:
    """Returns the hashes of the weights by model, and the rows."""
    weights: dict[str, str] = {}
    rows: dict[Key, Row] = {}
    for line in TABLE.read_text().splitlines():
        parts = line.split(" | ")
        if line.startswith("#"):
            continue
        if len(parts) == 2:
            weights[parts[0]] = parts[1]
        else:
            rows[parts[0], parts[1], parts[2]] = Row(parts[3], *map(float, parts[4:]))
    return weights, rows
