"""Writes and reads model cards for the Hugging Face Hub."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

from huggingface_hub import EvalResult, ModelCard, ModelCardData
from yaml import (  # type: ignore[import-untyped]
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    SafeLoader,
    YAMLError,
    parse,
)

from deraincli.model_zoo.hub import LICENCE_FILE, ONNX_FILE, RAINY_FILE, RESTORED_FILE, HubAddress
from deraincli.model_zoo.hub_errors import quiet_library
from deraincli.model_zoo.model_facts import ModelFacts, ReportedScore
from deraincli.reporting.markdown import markdown_table

LIBRARY = "deraincli"
PIPELINE = "image-to-image"
MAX_DEPTH = 20
"""Deepest nesting of lists and mappings that is read."""
MAX_FRONT = 50_000
"""Largest number of characters of a card's YAML. Longer ones are not read."""
MAX_FIELD = 1_000
"""Largest number of characters of a licence, an origin or a set's name. Longer ones are ignored."""
MAX_SETS = 100
"""Largest number of training sets. Longer lists are ignored."""
ORIGIN = "## Where it comes from, and what it is not for"
IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9.-]*")
"""Form of an identifier such as mit or cc-by-nc-4.0. Any other licence consists of terms in words."""
USE = """\
## Use it

Install deraincli from a copy of its source code: run `pip install .` in its folder. Then:

```sh
derain image rainy.jpg -o clean.jpg -m {address}
```

```python
import PIL.Image

import deraincli

derainer = deraincli.load("{address}")
derainer(PIL.Image.open("rainy.jpg")).save("clean.png")
```

The first use downloads the model. After that it works offline. Add @REVISION to the address to pin a
version."""
USE_ONNX = """\
`model.onnx` is the same model for ONNX Runtime, without PyTorch and deraincli:

```python
import json

import numpy as np
import onnxruntime
import PIL.Image
from huggingface_hub import hf_hub_download

session = onnxruntime.InferenceSession(hf_hub_download("{repository}", "model.onnx"))
multiple = json.loads(session.get_modelmeta().custom_metadata_map["deraincli"])["size_multiple"]
rainy = np.asarray(PIL.Image.open("rainy.jpg").convert("RGB"), np.float32) / 255
height, width, _ = rainy.shape
padded = np.pad(rainy, ((0, -height % multiple), (0, -width % multiple), (0, 0)), "reflect")
(restored,) = session.run(["image"], {{"rainy": padded.transpose(2, 0, 1)[None]}})
clean = restored[0, :, :height, :width].transpose(1, 2, 0).clip(0, 1)
PIL.Image.fromarray((255 * clean).round().astype(np.uint8)).save("clean-onnx.png")
```"""
RAIN = {"streak": "rain streaks", "drop": "raindrops on the lens", "auto": "rain streaks and raindrops"}
PSNR, SSIM = "psnr", "ssim"


class CardContents(NamedTuple):
    """Facts in a card that are not in the model file."""

    licence: str | None = None
    """An identifier, or the terms in words."""
    scores: tuple[ReportedScore, ...] = ()
    """Scores on data sets."""
    provenance: str | None = None
    """Where the model comes from, in words."""
    datasets: tuple[str, ...] = ()
    """Short names of the data sets that the model was trained on."""


def write_card(facts: ModelFacts, address: HubAddress, files: Collection[str] = ()) -> str:
    """Writes a model card.

    Args:
        facts: The facts about the model.
        address: Repository of the card.
        files: Names of the optional files of the repository: ONNX_FILE, or RAINY_FILE with RESTORED_FILE.

    Returns:
        The content of README.md: YAML, then Markdown.
    """
    data = ModelCardData(
        library_name=LIBRARY,
        pipeline_tag=PIPELINE,
        tags=["deraining", "image-restoration", "rain-removal", facts.network, f"rain-{facts.task}"],
        datasets=list(facts.datasets) or None,
        model_name=address.name,
        eval_results=[result for score in facts.scores for result in _results(score)] or None,
        **_licence(facts.licence),
        **_widget(facts.task, files),
    )
    return f"---\n{data.to_yaml()}\n---\n\n{_text(facts, address, files)}"


def read_card(path: Path) -> CardContents:
    """Reads a model card. Strangers write cards too, so time and memory are bounded and long fields ignored.

    Args:
        path: The README.md of a repository.

    Returns:
        The facts that the card states in the form of `write_card`. Empty if the card is damaged.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    front, ending, body = text.removeprefix("---").partition("\n---")
    if not (text.startswith("---") and ending) or len(front) > MAX_FRONT:
        return CardContents()
    try:
        if not _is_modest(front):
            return CardContents()
        with quiet_library():
            data: Any = ModelCard(f"---{front}\n---\n", ignore_metadata_errors=True).data
    except (ValueError, YAMLError, RecursionError):
        return CardContents()
    licence = data.license
    if licence == "other":
        licence = _after(body, "\nLicence: ").removesuffix(".") or data.license_name
    return CardContents(
        _short(licence),
        _scores(data.eval_results or []),
        _short(_after(body, f"\n{ORIGIN}\n\n")),
        _sets(data.datasets),
    )


def _is_modest(front: str) -> bool:
    """Returns whether YAML takes time and memory in proportion to its length.

    A few lines of aliases can stand for gigabytes, and deep nesting takes PyYAML minutes.
    """
    depth = 0
    for event in parse(front, SafeLoader):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if isinstance(event, AliasEvent) or depth > MAX_DEPTH:
            return False
    return True


def _scores(results: list[EvalResult]) -> tuple[ReportedScore, ...]:
    values: dict[tuple[str, str], dict[str, float]] = {}
    for result in results:
        key = _short(result.dataset_name), _short(result.metric_config)
        if isinstance(result.metric_value, int | float) and key[0] and key[1]:
            values.setdefault((key[0], key[1]), {})[str(result.metric_type)] = result.metric_value
    return tuple(
        ReportedScore(dataset, protocol, both[PSNR], both[SSIM])
        for (dataset, protocol), both in values.items()
        if both.keys() >= {PSNR, SSIM}
    )


def _sets(names: object) -> tuple[str, ...]:
    """Returns the names of data sets, none if a card does not list them as short texts."""
    if not isinstance(names, list) or len(names) > MAX_SETS:
        return ()
    return tuple(name for name in map(_short, names) if name)


def _after(body: str, heading: str) -> str:
    """Returns the rest of the line that follows a heading, empty if there is none."""
    return body.partition(heading)[2].partition("\n")[0]


def _short(value: object) -> str | None:
    """Returns a text on one line, None if it is longer than MAX_FIELD."""
    return " ".join(value.split()) or None if isinstance(value, str) and len(value) <= MAX_FIELD else None


def has_identifier(licence: str) -> bool:
    """Returns whether a licence is an identifier and not terms in words.

    Args:
        licence: The licence.

    Returns:
        Whether it is an identifier.
    """
    return IDENTIFIER.fullmatch(licence) is not None


def _licence(licence: str | None) -> dict[str, Any]:
    if licence is None:
        return {}
    if has_identifier(licence):
        return {"license": licence}
    name = re.sub(r"[^a-z0-9]+", "-", re.split("[,:]", licence)[0].lower()).strip("-")
    return {"license": "other", "license_name": name, "license_link": LICENCE_FILE}


def _results(score: ReportedScore) -> list[EvalResult]:
    place: dict[str, Any] = {
        "task_type": PIPELINE,
        "task_name": "Deraining",
        "dataset_type": re.sub(r"[^a-z0-9]+", "-", score.dataset.lower()).strip("-"),
        "dataset_name": score.dataset,
        "metric_config": score.protocol,
    }
    return [
        EvalResult(**place, metric_type=PSNR, metric_name="PSNR (dB)", metric_value=score.psnr),
        EvalResult(**place, metric_type=SSIM, metric_name="SSIM", metric_value=score.ssim),
    ]


def _widget(task: str, files: Collection[str]) -> dict[str, Any]:
    """Returns the picture that the Hub shows, if there is one."""
    if RAINY_FILE not in files:
        return {}
    return {"widget": [{"src": RAINY_FILE, "example_title": RAIN.get(task, "rain").capitalize()}]}


def _text(facts: ModelFacts, address: HubAddress, files: Collection[str]) -> str:
    lines = [
        f"# {address.name}",
        "",
        f"Takes {RAIN.get(facts.task, 'rain')} out of photos: a {facts.network} with {facts.parameters:,} "
        f"parameters, run by {LIBRARY}.",
        "",
    ]
    if RAINY_FILE in files:
        pictures = (f"![before]({RAINY_FILE})", f"![after]({RESTORED_FILE})")
        lines += [markdown_table(("before", "after"), [pictures])]
    lines += [USE.format(address=address), ""]
    if ONNX_FILE in files:
        lines += [USE_ONNX.format(repository=address.repository), ""]
    if facts.provenance:
        lines += [ORIGIN, "", facts.provenance, ""]
    if facts.scores:
        rows = [(s.dataset, s.protocol, f"{s.psnr:.2f} dB", f"{s.ssim:.4f}") for s in facts.scores]
        lines += ["## Measured", "", markdown_table(("set", "protocol", "PSNR", "SSIM"), rows)]
        lines += ["By `derain eval`, which describes its protocols."]
    lines += ["", "## Files and licence", "", f"`model.safetensors`, sha256 `{facts.sha256}`.", ""]
    lines += [f"Licence: {facts.licence or 'not stated'}.", ""]
    return "\n".join(lines)
