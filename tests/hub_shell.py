"""Commands against the Hub on this machine.

Each is a process of its own, because huggingface_hub reads the environment once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import torch
from loopback_hub import LoopbackHub

from deraincli.models.baselines.prenet import PReNetConfig
from deraincli.models.checkpoint import ModelInfo, model_bytes
from deraincli.models.registry import NETWORKS

NAME = "someone/rain"
ADDRESS = f"hf:{NAME}"


def weights(seed: int) -> bytes:
    """A model file of about 340 kB."""
    torch.manual_seed(seed)
    config = PReNetConfig(passes=1)
    return model_bytes(NETWORKS["prenet"].build(config), ModelInfo("prenet", config, "streak"))


OLD, NEW = weights(1), weights(2)


class Shell:
    """Runs commands with a Hub and a cache of their own."""

    def __init__(self, hub: LoopbackHub, home: Path) -> None:
        self.cache = home / "cache"
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("HF_", "DERAIN_"))
        }
        self.environment = inherited | {
            "HF_ENDPOINT": hub.endpoint,
            "HF_HOME": str(home / "home"),
            "HF_HUB_CACHE": str(self.cache),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "OMP_NUM_THREADS": "1",
        }

    def start(
        self, *arguments: object, folder: Path | None = None, **variables: str
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "deraincli", *map(str, arguments)],
            env=self.environment | variables,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(
        self, *arguments: object, folder: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return finished(self.start(*arguments, folder=folder, **variables))

    def pull(self, address: str = ADDRESS, **variables: str) -> bytes:
        """The bytes of the model file that a pull brings."""
        done = self("weights", "pull", address, "--json", **variables)
        assert done.returncode == 0, done.stderr
        return Path(json.loads(done.stdout)["file"]).read_bytes()

    def files_in_cache(self) -> list[Path]:
        return [path for path in self.cache.rglob("*.safetensors") if path.exists()]


def finished(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def refused(done: subprocess.CompletedProcess[str], says: str) -> None:
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("Error: ")
    assert says in last
    assert "Traceback" not in done.stderr
