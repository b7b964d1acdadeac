"""Writes the page as static files that remove rain in the browser alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from deraincli.errors import ExistsError
from deraincli.files.atomic import write_atomically
from deraincli.files.folders import make_folder
from deraincli.inference.backends.export_metadata import description_in
from deraincli.inference.backends.onnx_backend import open_session
from deraincli.model_zoo.catalogue import AUTO_MODEL, SHIPPED
from deraincli.model_zoo.exports import self_contained
from deraincli.model_zoo.resolve import resolve_model
from deraincli.restoration.auto_model import FOUND, NO_DROPS, SURE_DROPS
from deraincli.restoration.rain_kind import LAYERS, TOP_SHARE, shipped_classifier
from deraincli.restoration.window_trial import CHANGE_RATIO, LEAST_CHANGE, WINDOW, WINDOWS
from deraincli.serve import web_runtime
from deraincli.serve.page_files import page_files

POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; worker-src 'self'; manifest-src 'self'; form-action 'none'; base-uri 'none'"
)
"""The content security policy of the static page."""
OF_THE_SERVER = ("docs", "docs.js", "server_restorer.js")
"""Files that only the page of a server needs."""
WORKER = "service_worker.js"
CLASSIFIER = "rain-classifier.bin"
"""Name of the weights of the classifier of rain, as `RainClassifier.values` returns them."""
SHELL = "shell.json"
"""Name of the list of the files that a first visit keeps. It keeps the others once they are used."""


@dataclass(frozen=True)
class WebModel:
    """A model for the static page."""

    name: str
    """Name of the model."""
    tasks: tuple[str, ...]
    """The kinds of rain that it removes."""
    data: bytes
    """The model as one ONNX file of our own exports."""

    @property
    def file(self) -> str:
        """Name of its file."""
        return f"{self.name}.onnx"

    def record(self) -> dict[str, object]:
        """Returns what the page must know of the model."""
        described = description_in(open_session(self.data).get_modelmeta().custom_metadata_map)
        assert described is not None  # exports of our own
        return {
            "name": self.name,
            "tasks": self.tasks,
            "file": self.file,
            "tile_margin": described.tile_margin,
            "size_multiple": described.size_multiple,
        }


def shipped_models() -> Iterator[WebModel]:
    """Yields the shipped models.

    Raises:
        ModelError: A model is damaged, or ONNX Runtime is not installed.
    """
    for name, entry in SHIPPED.items():
        yield WebModel(name, entry.tasks, self_contained(resolve_model(name).files[0]))


def choice_record() -> dict[str, object]:
    """Returns what the page must know of the automatic choice."""
    return {
        "name": AUTO_MODEL.name,
        "members": dict(AUTO_MODEL.members),
        "classifier": CLASSIFIER,
        "layers": LAYERS,
        "top_share": TOP_SHARE,
        "found": FOUND,
        "no_drops": NO_DROPS,
        "sure_drops": SURE_DROPS,
        "trial": {"window": WINDOW, "most": WINDOWS, "ratio": CHANGE_RATIO, "least": LEAST_CHANGE},
    }


def write_site(folder: Path, models: Iterable[WebModel], *, overwrite: bool) -> int:
    """Writes the static page. Its entry, index.html, comes last.

    Args:
        folder: The folder to write.
        models: The models, among them the members of the automatic model.
        overwrite: Whether files in the folder may be replaced.

    Returns:
        The size of all files, bytes.

    Raises:
        ExistsError: The folder has files, and `overwrite` is False.
        InputError: The runtime cannot be fetched.
        OutputError: A file cannot be written.
    """
    if not overwrite and folder.is_dir() and any(folder.iterdir()):
        raise ExistsError(f"'{folder}' holds files: name another folder, or add --overwrite.")
    files = _files(list(models))
    make_folder(folder)
    for name in sorted(files, key=lambda name: name == "index.html"):
        write_atomically(folder / name, files[name], overwrite=overwrite)
    return sum(map(len, files.values()))


def _files(models: list[WebModel]) -> dict[str, bytes]:
    page = {name: file.read_bytes() for name, file in page_files().items() if name not in OF_THE_SERVER}
    index, worker = page.pop("").decode(), page.pop(WORKER).decode()
    catalogue = {"automatic": choice_record(), "models": [model.record() for model in models]}
    page[CLASSIFIER] = shipped_classifier().values().astype("<f4").tobytes()
    page["models.json"] = json.dumps(catalogue).encode()
    page[SHELL] = json.dumps(sorted(page)).encode()
    page["LICENCES.txt"] = _licences().encode()
    page["index.html"] = _static(index).encode()
    page |= web_runtime.runtime_files() | {model.file: model.data for model in models}
    digest = hashlib.sha256(b"".join(name.encode() + page[name] for name in sorted(page))).hexdigest()
    page[WORKER] = worker.replace("VERSION_OF_THE_FILES", digest[:16]).encode()
    return page


def _static(index: str) -> str:
    """Returns the page with the restorer of the browser and its policy."""
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    page = index.replace('data-restorer="server"', 'data-restorer="browser"')
    return page.replace('<meta charset="utf-8">', f'<meta charset="utf-8">\n{policy}', 1)


def _licences() -> str:
    models = "\n".join(f"The model {name} ({name}.onnx): {entry.licence}." for name, entry in SHIPPED.items())
    return f"""The page is a part of deraincli, under the MIT licence.

{models}

The files ort*.mjs and ort*.wasm.gz are from {web_runtime.NAME} {web_runtime.VERSION} ({web_runtime.URL}).
What they contain of others is listed in
https://github.com/microsoft/onnxruntime/blob/v{web_runtime.VERSION}/ThirdPartyNotices.txt.

{web_runtime.LICENCE}"""
