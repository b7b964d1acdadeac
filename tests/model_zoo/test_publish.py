"""Models sent to the Hub, and what must not be."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hub_shell import ADDRESS, NAME, NEW, OLD, Shell, refused
from loopback_hub import TOKEN, LoopbackHub

from deraincli.model_zoo.catalogue import SHIPPED


def test_settings_that_forbid_it_are_named(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "mine.safetensors").write_bytes(NEW)
    push = ("weights", "push", tmp_path / "mine.safetensors", ADDRESS)
    refused(shell(*push, HF_HUB_OFFLINE="1", HF_TOKEN=TOKEN), "HF_HUB_OFFLINE is set")
    for endpoint in ("nowhere", "http://", "ftp://x"):
        refused(shell("weights", "pull", ADDRESS, HF_ENDPOINT=endpoint), "HF_ENDPOINT")


def test_what_is_pushed_comes_back_byte_for_byte(hub: LoopbackHub, shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    file.write_bytes(NEW)
    push = ["weights", "push", file, ADDRESS, "--private", "--licence", "mit", "--json"]
    shown = shell(*push, "--dry-run")
    assert hub.requests == []
    refused(shell(*push), "HF_TOKEN")
    assert hub.repositories == {}
    done = shell(*push, HF_TOKEN=TOKEN)
    assert done.returncode == 0, done.stderr
    repository = hub.repositories[NAME]
    assert repository.private
    assert repository.newest is not None
    assert repository.newest["model.safetensors"] == NEW
    assert repository.newest["README.md"].decode() == json.loads(shown.stdout)["card"]
    commit = json.loads(done.stdout)["commit"]
    assert shell.pull(f"{ADDRESS}@{commit}", HF_TOKEN=TOKEN) == NEW
    file.write_bytes(OLD)
    again = shell(*push, HF_TOKEN=TOKEN)
    assert again.returncode == 0, again.stderr
    assert again.stderr == ""
    assert shell.pull(HF_TOKEN=TOKEN) == OLD


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_model_lies_ready_for_the_hub(hub: LoopbackHub, shell: Shell, name: str) -> None:
    done = shell(
        "weights", "push", name, f"hf:someone/{name}", "--json", HF_TOKEN=TOKEN
    )  # the card is validated
    assert done.returncode == 0, done.stderr
    assert hub.times("POST /api/validate-yaml") == 1
    assert hashlib.sha256(shell.pull(f"hf:someone/{name}")).hexdigest() == SHIPPED[name].sha256
    told = json.loads(shell("weights", "info", f"hf:someone/{name}", "--json", HF_HUB_OFFLINE="1").stdout)
    entry = SHIPPED[name]
    assert told["scores"] == [score._asdict() for score in entry.scores]
    assert (told["licence"], told["provenance"]) == (entry.licence, entry.provenance)
    terms = Path(told["file"]).with_name("LICENSE.md").read_text()
    assert entry.licence in terms
