"""Model cards as the Hugging Face Hub shows them: written from what is known of a model, and read again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from huggingface_hub import EvalResult, ModelCard, ModelCardData
from yaml import YAMLError  # type: ignore[import-untyped]

from deraincli.catalogue import Score
from deraincli.hub import HubAddress

if TYPE_CHECKING:
    from deraincli.shelf import ModelFacts

LIBRARY = "deraincli"
PIPELINE = "image-to-image"
LICENCE_FILE = "LICENSE.md"
"""Holds the terms where the licence has no identifier on the Hub."""
IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9.-]*")
"""Such as mit or cc-by-nc-4.0; whatever else a licence says are terms in words."""
RAIN = {"streak": "rain streaks", "drop": "raindrops on the lens", "auto": "rain streaks and raindrops"}
PSNR, SSIM = "psnr", "ssim"


class Told(NamedTuple):
    """What a card tells that a model file does not."""

    licence: str | None
    scores: tuple[Score, ...]


def write_card(facts: ModelFacts, address: HubAddress) -> str:
    """The README.md of a model's repository."""
    data = ModelCardData(
        library_name=LIBRARY,
        pipeline_tag=PIPELINE,
        tags=["deraining", "image-restoration", "rain-removal", facts.network, f"rain-{facts.task}"],
        model_name=address.name,
        eval_results=[result for score in facts.scores for result in _results(score)] or None,
        **_licence(facts.licence),
    )
    return f"---\n{data.to_yaml()}\n---\n\n{_text(facts, address)}"


def read_card(path: Path) -> Told:
    """What the card in a README.md tells, as far as it follows `write_card`; nothing if it is damaged."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if not text.startswith("---"):
        return Told(None, ())
    try:
        data: Any = ModelCard(text, ignore_metadata_errors=True).data
    except (ValueError, YAMLError):
        return Told(None, ())
    licence = data.license_name if data.license == "other" else data.license
    values: dict[tuple[str, str], dict[str, float]] = {}
    for result in data.eval_results or []:
        if isinstance(result.metric_value, int | float) and result.metric_config:
            key = result.dataset_name, result.metric_config
            values.setdefault(key, {})[result.metric_type] = result.metric_value
    scores = (
        Score(dataset, protocol, both[PSNR], both[SSIM])
        for (dataset, protocol), both in values.items()
        if both.keys() >= {PSNR, SSIM}
    )
    return Told(licence, tuple(scores))


def has_identifier(licence: str) -> bool:
    """Whether a licence is named by an identifier rather than by its terms."""
    return IDENTIFIER.fullmatch(licence) is not None


def _licence(licence: str | None) -> dict[str, Any]:
    if licence is None:
        return {}
    if has_identifier(licence):
        return {"license": licence}
    name = re.sub(r"[^a-z0-9]+", "-", re.split("[,:]", licence)[0].lower()).strip("-")
    return {"license": "other", "license_name": name, "license_link": LICENCE_FILE}


def _results(score: Score) -> list[EvalResult]:
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


def _text(facts: ModelFacts, address: HubAddress) -> str:
    lines = [
        f"# {address.name}",
        "",
        f"Takes {RAIN.get(facts.task, 'rain')} out of photos: a {facts.network} with {facts.parameters:,} "
        f"parameters, run by {LIBRARY}.",
        "",
        "```sh",
        f"derain image rainy.jpg -o clean.jpg -m {address}",
        "```",
        "",
    ]
    if facts.provenance:
        lines += ["## Where it comes from, and what it is not for", "", facts.provenance, ""]
    if facts.scores:
        lines += ["## Measured", "", "| set | protocol | PSNR | SSIM |", "|---|---|---:|---:|"]
        lines += [f"| {s.dataset} | {s.protocol} | {s.psnr:.2f} dB | {s.ssim:.4f} |" for s in facts.scores]
        lines += ["", "By `derain eval`, which describes its protocols."]
    lines += ["", "## Files and licence", "", f"`model.safetensors`, sha256 `{facts.sha256}`.", ""]
    lines += [f"Licence: {facts.licence or 'not told'}.", ""]
    return "\n".join(lines)
