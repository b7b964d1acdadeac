"""OpenVINO without its telemetry, and the files that it reads: ONNX, and archives of its own format.

OpenVINO stores a model in two files, `model.xml` and `model.bin`. An archive is a zip file of both, because
one file can be written as a whole or not at all. Unzip it to use the two elsewhere.
"""

from __future__ import annotations

import io
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deraincli.errors import ModelError
from deraincli.inference.backends.export_metadata import METADATA_KEY, Description
from deraincli.runtime.installation import install_command

if TYPE_CHECKING:
    from openvino import Core, Model

SUFFIX = ".openvino"
"""Suffix of an archive."""

_MEMBERS = ("model.xml", "model.bin")
_TELEMETRY = "openvino_telemetry"
_RT_INFO = ["framework", METADATA_KEY]
"""Where OpenVINO puts the metadata of an ONNX file, and where it stays in archives."""


@contextmanager
def no_telemetry() -> Iterator[None]:
    """Imports OpenVINO's packages in the block without their telemetry.

    The import alone would report to their vendor and would leave an identity in the home folder. They take
    a stub where the package `openvino_telemetry` is not installed, so it is hidden from them.
    """
    hidden = _TELEMETRY not in sys.modules
    if hidden:
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if hidden:
            del sys.modules[_TELEMETRY]


def import_openvino() -> Any:
    """Imports openvino without its telemetry. Import it nowhere else.

    Returns:
        The module openvino.

    Raises:
        ModelError: It is not installed. The message names the extra that brings it.
    """
    with no_telemetry():
        try:
            import openvino
        except ImportError:
            raise ModelError(f"OpenVINO is not installed: run `{install_command('openvino')}`.") from None
    return openvino


@cache
def openvino_core() -> Core:
    """Returns the only core of this process. Create no other.

    A core replaces the stack on which Linux runs signal handlers, and puts back the stack it found when it
    ends. Where an older core ended before a newer one, that stack no longer exists, and the next signal,
    such as Ctrl-C, ends the process with a segmentation fault (OpenVINO 2026.4).

    Raises:
        ModelError: OpenVINO is not installed.
    """
    return import_openvino().Core()


def read_model(source: Path | bytes) -> Model:
    """Reads an ONNX file or an archive.

    Args:
        source: The file, or its content.

    Returns:
        The model.

    Raises:
        ModelError: The file is missing or damaged, or OpenVINO is not installed.
    """
    openvino, core = import_openvino(), openvino_core()
    try:
        archive = io.BytesIO(source) if isinstance(source, bytes) else source
        if not zipfile.is_zipfile(archive):
            return core.read_model(source)
        with zipfile.ZipFile(archive) as members:
            structure, weights = (members.read(name) for name in _MEMBERS)
        return core.read_model(structure, openvino.Tensor(np.frombuffer(weights, np.uint8)))
    except (RuntimeError, OSError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        name = "The model" if isinstance(source, bytes) else f"'{source}'"
        raise ModelError(
            f"{name} is not an intact ONNX or OpenVINO file: make it anew with `derain weights export`."
        ) from error


def archived(model: Model, description: Description) -> bytes:
    """Returns the content of an archive.

    Args:
        model: The model. It is changed: the description becomes part of it.
        description: How to run the model.
    """
    openvino = import_openvino()
    model.set_rt_info(description.as_json(), _RT_INFO)
    content = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        openvino.serialize(model, Path(folder) / _MEMBERS[0], Path(folder) / _MEMBERS[1])
        with zipfile.ZipFile(content, "w") as archive:
            for name in _MEMBERS:
                entry = zipfile.ZipInfo(name)  # without a date, so equal models give equal archives
                archive.writestr(entry, (Path(folder) / name).read_bytes(), zipfile.ZIP_DEFLATED)
    return content.getvalue()


def metadata_of(model: Model) -> dict[str, str]:
    """Returns the metadata of a model, as ONNX files have it."""
    if not model.has_rt_info(_RT_INFO):
        return {}
    return {METADATA_KEY: str(model.get_rt_info(_RT_INFO).astype(str))}
