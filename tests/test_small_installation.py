"""`derain` without PyTorch: by requirements/small.txt, and by the steps of the Dockerfile."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from serving import serving

from deraincli.runtime.installation import LEFT_OUT

ROOT = Path(__file__).parents[1]
SMALL = ROOT / "requirements/small.txt"
DISTRIBUTIONS = {"skimage": "scikit-image", "huggingface_hub": "huggingface-hub", "yaml": "pyyaml"}
"""Names on the package index of modules with other names."""

RUN = """
import json, sys
left_out = set(json.loads(sys.argv.pop(1)))
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in left_out:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hidden())
from deraincli.__main__ import main
codes = []
for line in json.loads(sys.argv.pop(1)):
    sys.argv = ["derain", *line]
    try:
        main()
    except SystemExit as end:
        codes.append(end.code or 0)
print(json.dumps(codes))
"""
"""Runs several commands in one process that does not find some modules, and prints their exit codes."""


def requirements(file: Path) -> list[str]:
    return [line for line in file.read_text().splitlines() if line and not line.startswith("#")]


def run_without(folder: Path, *commands: str) -> tuple[list[int], str]:
    """Returns the exit codes, and what stood on standard error."""
    lines = [command.split() for command in commands]
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            RUN,
            json.dumps([*LEFT_OUT, "openvino", "onnx", "onnxscript"]),
            json.dumps(lines),
        ],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"XDG_CACHE_HOME": str(folder / "cache"), "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with a paired set of one tiny photo, which is also there on its own."""
    photo = PIL.Image.open(ROOT / "examples/rainy_coffee.jpg").crop((200, 100, 264, 164))
    for name in ("photo.png", "set/input/1.png", "set/target/1.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        photo.save(tmp_path / name)
    return tmp_path


def test_the_small_requirements_are_those_of_the_package() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    left_out = {DISTRIBUTIONS.get(module, module) for module in LEFT_OUT}
    kept = {line for line in declared["dependencies"] if line.partition(">=")[0] not in left_out}
    extras = declared["optional-dependencies"]
    assert set(requirements(SMALL)) == kept | set(extras["onnxruntime"]) | set(extras["serve"])


def test_pictures_are_restored_without_what_is_left_out(photos: Path) -> None:
    pytest.importorskip("onnxruntime")
    commands = (
        "image photo.png -o out.png --save-mask mask.png",
        "image photo.png -o strong.png -m balnet-lite-streak --strength 0.5",
        "batch set/input -o results -q",
        "compare photo.png -o page.html",
        "eval set --protocol all -q",
        "attn photo.png -o maps --figure none",
        "synth set/target -o rainy",
        "data inspect set",
        "weights list",
        "weights verify balnet-lite-streak",
    )
    codes, said = run_without(photos, *commands)
    assert dict(zip(commands, codes, strict=True)) == dict.fromkeys(commands, 0), said
    assert PIL.Image.open(photos / "out.png").size == (64, 64)
    assert np.asarray(PIL.Image.open(photos / "mask.png")).max() > 0
    assert (photos / "results/1.png").is_file()


def test_what_needs_more_is_one_sentence_with_the_install_line(photos: Path) -> None:
    (photos / "run.toml").write_text('[data]\nphotos = ["set/target"]\n')
    commands = {
        "image photo.png -o out.png --backend eager": "The backend 'eager' needs PyTorch",
        "image photo.png -o out.png -m gmm": "SciPy",
        "image photo.png -o out.png -m hf:me/rain": "huggingface_hub",
        "attn photo.png -o maps --levels": "--levels needs PyTorch",
        "train run.toml --out run": "PyTorch",
        "bench --size 32": "PyTorch",
        "weights export -o out.onnx balnet-small": "PyTorch",
    }
    codes, said = run_without(photos, *commands)
    assert 0 not in codes, said
    assert "Traceback" not in said
    sentences = said.strip().splitlines()
    assert len(sentences) == len(commands), said
    for sentence, expected in zip(sentences, commands.values(), strict=True):
        assert expected in sentence
        assert "install" in sentence or "--backend" in sentence
    assert not (photos / "out.png").exists()


@pytest.mark.skipif("CI" not in os.environ, reason="fetches 125 MB: runs in .ci/run, or where CI is set")
def test_the_steps_of_the_dockerfile_give_a_small_environment(photos: Path) -> None:
    """There need be no Docker: the steps run in a folder of their own, with what .dockerignore lets in."""
    source, environment = photos / "source", photos / "environment"
    source.mkdir()
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line.startswith("!"):
            part, copy = ROOT / line[1:], source / line[1:]
            if part.is_dir():
                shutil.copytree(part, copy, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                copy.parent.mkdir(exist_ok=True)
                shutil.copy(part, copy)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    clean |= {"PATH": path, "XDG_CACHE_HOME": str(photos / "cache")}
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        if line.startswith("RUN "):
            step = line[4:].replace("/opt/derain", str(environment)).replace("/source", str(source))
            subprocess.run(["bash", "-c", step], check=True, env=clean, cwd=photos)

    def derain(name: str, *arguments: str) -> None:
        command = [str(environment / "bin" / name), *arguments]
        subprocess.run(command, check=True, env=clean, cwd=photos)

    derain("derain", "image", "photo.png", "-o", "out.png")
    derain("deraincli", "eval", "set")
    with serving(derain=[str(environment / "bin/derain")], environment=clean) as server:
        assert server.get("/api/health").json["status"] == "ok"
        answer = server.post("/api/derain", (photos / "photo.png").read_bytes())
    assert answer.body == (photos / "out.png").read_bytes()
    packages = next(environment.glob("lib/python*/site-packages"))
    assert not {"torch", "torchvision", "scipy", "skimage"} & {folder.name for folder in packages.iterdir()}
    assert (environment / "share/man/man1/derain.1").is_file()
    size = sum(file.stat().st_size for file in environment.rglob("*") if not file.is_symlink())
    assert size < 365e6, f"{size / 1e6:.0f} MB"
