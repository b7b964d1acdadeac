"""Model cards: what is written is read again, and a card of anybody's harms nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from deraincli.model_zoo.catalogue import SHIPPED
from deraincli.model_zoo.hub import HubAddress
from deraincli.model_zoo.inventory import describe_model
from deraincli.model_zoo.model_card import CardContents, read_card, write_card
from deraincli.model_zoo.model_facts import ReportedScore
from deraincli.model_zoo.resolve import resolve_model

LICENCES_OF_THE_HUB = {"cc-by-4.0"}
"""Those that a shipped model has under a name that the Hub knows."""


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_models_card_tells_all_that_the_catalogue_does(tmp_path: Path, name: str) -> None:
    card = write_card(describe_model(resolve_model(name)), HubAddress(f"someone/{name}"))
    entry = SHIPPED[name]
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["library_name"] == "deraincli"
    assert front["pipeline_tag"] == "image-to-image"
    if entry.licence in LICENCES_OF_THE_HUB:
        assert front["license"] == entry.licence
    else:
        assert front["license"] == "other"
        assert front["license_link"] == "LICENSE.md"
    assert all(score.dataset in card for score in entry.scores)
    for fact in (
        entry.sha256,
        entry.licence,
        entry.provenance,
        f"{entry.parameters:,}",
        f"hf:someone/{name}",
    ):
        assert fact in card
    path = tmp_path / "README.md"
    path.write_text(card)
    assert read_card(path) == CardContents(entry.licence, entry.scores, entry.provenance, entry.datasets)
    assert "pip install deraincli" not in card  # the project is not on a package index


BOMB = "---\nx0: &x0 [a, a]\n{}license: *x40\n---\n".format(
    "".join(f"x{n}: &x{n} [*x{n - 1}, *x{n - 1}]\n" for n in range(1, 41))
)
"""Two to the power of forty words, once it is unfolded."""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# A card",
        "---\n: [\n---\n",
        "---\n- list\n---\n",
        "---\nmodel-index: 7\n---\n",
        "---\n!!python/object:os.x\n---\n",
        "---\nlicense: [mit, apache-2.0]\n---\n",
        f"---\nlicense: {'x' * 5000}\n---\n",
        f"---\nlicense: mit\nx: {'y' * 60_000}\n---\n",
        f"---\nlicense: {'[' * 20_000}\n---\n",
        BOMB,
    ],
)
def test_a_card_without_sense_tells_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "README.md"
    path.write_text(text)
    assert read_card(path) == CardContents()


def test_what_a_card_tells_stays_on_its_line(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text('---\nlicense: "mit\\nprovenance: ours"\n---\n')
    assert read_card(path).licence == "mit provenance: ours"


def test_scores_of_several_protocols_stay_apart(tmp_path: Path) -> None:
    from dataclasses import replace

    scores = (ReportedScore("a set", "prenet", 30.0, 0.9), ReportedScore("a set", "rgb", 28.5, 0.875))
    known = replace(describe_model(resolve_model(next(iter(SHIPPED)))), licence="mit", scores=scores)
    path = tmp_path / "README.md"
    path.write_text(write_card(known, HubAddress("someone/rain")))
    assert read_card(path) == CardContents("mit", scores, known.provenance, known.datasets)
