"""Models sent to the Hub, and what must not be."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import yaml
from hub_shell import ADDRESS, NAME, NEW, OLD, Shell, refused
from loopback_hub import TOKEN, LoopbackHub

from deraincli.model_zoo.catalogue import SHIPPED

ROOT = Path(__file__).parents[2]
RAINY = ROOT / "examples/rainy_chelsea.jpg"


def blocks(text: str, language: str) -> list[str]:
    """The contents of the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


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


OWNER = "someone"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LoopbackHub, Shell]]:
    """A Hub to which the command for all shipped models has sent them, and a user of it."""
    pytest.importorskip("onnxruntime")
    hub = LoopbackHub()
    shell = Shell(hub, tmp_path_factory.mktemp("user"))
    environment = shell.environment | {"HF_TOKEN": TOKEN}
    subprocess.run([sys.executable, ROOT / "examples/hub/publish.py", OWNER], check=True, env=environment)
    yield hub, shell
    hub.close()


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_model_is_published_whole(published: tuple[LoopbackHub, Shell], name: str) -> None:
    hub, _ = published
    entry, newest = SHIPPED[name], hub.repositories[f"{OWNER}/{name}"].newest
    terms_in_words = " " in entry.licence  # which the Hub has no identifier for
    sent = {"model.safetensors", "config.json", "model.onnx", "README.md"}
    sent |= {"LICENSE.md"} if terms_in_words else set()
    named = set(re.findall(r"[\w-]+\.md", entry.provenance))  # a card may only name files that lie beside it
    assert all(newest[file] == (ROOT / "weights" / file).read_bytes() for file in named)
    sent |= named
    assert set(newest) - {".gitattributes"} == sent | {"rainy.jpg", "restored.jpg"}
    assert hashlib.sha256(newest["model.safetensors"]).hexdigest() == entry.sha256
    assert not terms_in_words or entry.licence in newest["LICENSE.md"].decode()
    front = yaml.safe_load(newest["README.md"].decode().split("---\n")[1])
    assert (front["library_name"], front["pipeline_tag"]) == ("deraincli", "image-to-image")
    licence = "other" if terms_in_words else entry.licence
    assert (front["license"], front["datasets"]) == (licence, list(entry.datasets))
    assert front["widget"][0]["src"] == "rainy.jpg"
    scores = [
        (result["dataset"]["name"], *(part[key] for part in result["metrics"] for key in ("config", "value")))
        for result in front["model-index"][0]["results"]
    ]
    assert scores == [(s.dataset, s.protocol, s.psnr, s.protocol, s.ssim) for s in entry.scores]
    assert hub.times("POST /api/validate-yaml") == len(SHIPPED)  # the Hub found no fault in a card


@pytest.mark.parametrize("name", SHIPPED)
def test_every_published_model_runs_offline_by_its_pinned_address(
    published: tuple[LoopbackHub, Shell], name: str, tmp_path: Path
) -> None:
    """The bytes are those of the shipped model. The ONNX file agrees with it."""
    hub, shell = published
    newest = hub.repositories[f"{OWNER}/{name}"].newest
    *_, commit = hub.repositories[f"{OWNER}/{name}"].commits
    pinned = f"hf:{OWNER}/{name}@{commit}"
    assert shell.pull(pinned) == newest["model.safetensors"]
    asked = len(hub.requests)
    told = json.loads(shell("weights", "info", pinned, "--json", HF_HUB_OFFLINE="1").stdout)
    entry = SHIPPED[name]
    assert told["scores"] == [score._asdict() for score in entry.scores]
    assert (told["licence"], told["provenance"]) == (entry.licence, entry.provenance)

    (tmp_path / "model.onnx").write_bytes(newest["model.onnx"])
    PIL.Image.open(RAINY).crop((0, 0, 96, 64)).save(tmp_path / "in.png")
    made = []
    for model in (pinned, "model.onnx"):
        restore = ("image", "in.png", "-o", "out.png", "--overwrite", "-m", model, "--precision", "fp32")
        done = shell(*restore, "--device", "cpu", folder=tmp_path, HF_HUB_OFFLINE="1")
        assert done.returncode == 0, done.stderr
        made.append(np.asarray(PIL.Image.open(tmp_path / "out.png")).astype(int))
    assert np.abs(made[0] - made[1]).max() <= 1
    assert len(hub.requests) == asked


def test_a_stranger_can_use_what_a_card_shows(
    hub: LoopbackHub, shell: Shell, shallow_model: Path, tmp_path: Path
) -> None:
    """Runs the commands and the Python of a card in an empty folder, then offline by the pinned address."""
    pytest.importorskip("onnxscript")
    push = ["weights", "push", shallow_model, ADDRESS, "--onnx", "--picture", RAINY, "--json"]
    done = shell(*push, HF_TOKEN=TOKEN)
    assert done.returncode == 0, done.stderr
    commit = json.loads(done.stdout)["commit"]
    files = hub.repositories[NAME].commits[commit]
    card = files["README.md"].decode()
    front = yaml.safe_load(card.split("---\n")[1])
    assert [files[example["src"]] for example in front["widget"]] == [files["rainy.jpg"]]
    assert all(name in files for name in re.findall(r"!\[\w*\]\((.*?)\)", card))

    folder = tmp_path / "stranger"
    folder.mkdir()
    (folder / "rainy.jpg").write_bytes(files["rainy.jpg"])
    commands = [line for line in blocks(card, "sh")[0].splitlines() if line.startswith("derain ")]
    snippets = blocks(card, "python")
    assert (len(commands), len(snippets)) == (1, 2)
    for command in commands:
        done = shell(*shlex.split(command)[1:], folder=folder)
        assert done.returncode == 0, done.stderr
    for snippet in snippets:
        subprocess.run([sys.executable, "-c", snippet], check=True, cwd=folder, env=shell.environment)
    by_torch, by_onnx = (np.asarray(PIL.Image.open(folder / f"clean{end}.png")) for end in ("", "-onnx"))
    assert by_torch.shape == by_onnx.shape == np.asarray(PIL.Image.open(RAINY)).shape
    assert np.abs(by_torch.astype(int) - by_onnx).mean() < 1  # PyTorch may compute in bf16
    assert (folder / "clean.jpg").exists()
    assert hub.times(f"GET /{NAME}/resolve/{commit}/config.json") > 0  # the Hub counts downloads by it

    pinned = f"{ADDRESS}@{commit}"
    shell.pull(pinned)
    hub.close()
    restore = ["image", "rainy.jpg", "-o", "pinned.png", "-m", pinned]
    done = shell(*restore, HF_HUB_OFFLINE="1", folder=folder)
    assert done.returncode == 0, done.stderr
    assert (np.asarray(PIL.Image.open(folder / "pinned.png")) == by_torch).all()
