"""A model in several files with an index, as the Hugging Face Hub lays out what is too large for one.

    write_parts(Path("best.safetensors"), Path("parts"), mib=20)
    load_model(Path("parts/model.safetensors.index.json"))

Every part is a safetensors file that says of itself what the whole does, so that parts of two models are not
taken for one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from deraincli.errors import ModelError
from deraincli.imaging.atomic import write_atomically

Array: TypeAlias = NDArray[np.generic]

INDEX_FILE = "model.safetensors.index.json"
WHOLE = "sha256_of_whole"
"""Key under which the index and every part name the file that was cut up."""
HEADER_BYTES = 65_536
"""Kept free in every part for its header."""


def part_files(path: Path) -> list[Path]:
    """The safetensors files of a model: the path itself, or the parts that an index names.

    Raises ModelError for an index that is damaged or whose parts are missing or not its own.
    """
    if not path.name.endswith(".index.json"):
        return [path]
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        names = sorted(set(index["weight_map"].values()))
        files = [path.parent / Path(name).name for name in names]
        whole = index["metadata"][WHOLE]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ModelError(f"{path} is no intact index of a model in parts; fetch it again.") from None
    for file in files:
        if not file.is_file():
            raise ModelError(f"{file}, a part of {path}, is missing; fetch all parts.")
        if _said(file).get(WHOLE) != whole:
            raise ModelError(f"{file} is a part of another model than {path}; fetch all parts anew.")
    return files


def write_parts(source: Path, folder: Path, *, mib: int) -> Path:
    """Cuts a model file into parts of at most `mib` MiB in a folder, and returns their index.

    A single tensor larger than that gets a part of its own. The index is written last. Raises ModelError
    or OutputError.
    """
    with _opened(source) as file:
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
    said = _said(source)
    said[WHOLE] = hashlib.sha256(source.read_bytes()).hexdigest()
    groups = _grouped(weights, mib * 2**20 - HEADER_BYTES)
    folder.mkdir(parents=True, exist_ok=True)
    places: dict[str, str] = {}
    for number, group in enumerate(groups, 1):
        name = f"model-{number:05}-of-{len(groups):05}.safetensors"
        write_atomically(folder / name, save(group, said), overwrite=True)
        places |= dict.fromkeys(group, name)
    total = sum(value.nbytes for value in weights.values())
    index = {"metadata": {"total_size": total, WHOLE: said[WHOLE]}, "weight_map": places}
    write_atomically(folder / INDEX_FILE, json.dumps(index, indent=2).encode(), overwrite=True)
    return folder / INDEX_FILE


def _grouped(weights: dict[str, Array], limit: int) -> list[dict[str, Array]]:
    """The weights in their order, in as few groups of at most `limit` bytes as that allows."""
    groups: list[dict[str, Array]] = []
    used = limit
    for key, value in weights.items():
        if used + value.nbytes > limit:
            groups.append({})
            used = 0
        groups[-1][key] = value
        used += value.nbytes
    return groups


def _said(path: Path) -> dict[str, str]:
    """What a safetensors file says of itself."""
    with _opened(path) as file:
        return dict(file.metadata() or {})


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, "numpy") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is no intact safetensors file ({error}); fetch it again.") from None
