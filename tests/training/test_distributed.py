"""Two processes that share a run, over gloo on the CPU."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest
import torch
from paired import scene, write_picture, write_set

from deraincli.training.config import load_config
from deraincli.training.distributed import ProcessGroup, processes
from deraincli.training.loop import Progress, Run

CONFIG = """
network = "balnet-lite"
precision = "fp32"

[data]
clean = ["clean"]
validation = "valid"
crop = 96
batch = 4

[loss]
adversarial = 0.01
attention = 1.0

[optimiser]
steps = 1
clip = 1e9
"""
SMALL = (
    "network=prenet",
    "network_options={passes=1}",
    "data.crop=32",
    "loss.adversarial=0",
    "optimiser.steps=50",
    "optimiser.warmup=2",
)


def gradients(folder: Path, out: str, group: ProcessGroup) -> dict[str, torch.Tensor]:
    """Of the network and of the discriminators after one step."""
    run = Run(load_config(folder / "config.toml"), folder, folder / out, group, resume=False)
    run.train(lambda progress: None)
    assert run.state.adversary is not None
    networks = {"network": run.state.network, "discriminators": run.state.adversary.network}
    return {
        name: torch.cat([parameter.grad.flatten() for parameter in network.parameters()])
        for name, network in networks.items()
    }


def interrupted_at(folder: Path, group: ProcessGroup) -> int:
    """The step at which a run stops if only the second process gets Ctrl-C, in its second step."""
    run = Run(load_config(folder / "config.toml", SMALL), folder, folder / "stopped", group, resume=False)

    def interrupt(progress: Progress) -> None:
        if progress.step == 2 and group.rank == 1:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run.train(interrupt)
    return run.state.step


def rates(folder: Path, group: ProcessGroup) -> list[float]:
    """Learning rates of a run whose time is limited, in which the first process alone validates."""
    settings = (*SMALL, "optimiser.steps=6", "validate_every=2", "max_minutes=1")
    run = Run(load_config(folder / "config.toml", settings), folder, folder / "timed", group, resume=False)
    found: list[float] = []
    run.train(lambda progress: found.append(progress.rate))
    return found


def one_of_two(rank: int, folder: Path, port: int) -> None:
    torch.set_num_threads(1)
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    with processes(torch.device("cpu")) as group:
        found = {
            "gradients": gradients(folder, "two", group),
            "step": interrupted_at(folder, group),
            "rates": rates(folder, group),
        }
        torch.save(found, folder / f"rank{rank}.pt")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes found, beside what they trained on."""
    root = tmp_path_factory.mktemp("run")
    for n in range(3):
        write_picture(root / f"clean/{n}.png", scene(n, 110, 120))
    write_set(root / "valid", count=1)
    (root / "config.toml").write_text(CONFIG)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    torch.multiprocessing.spawn(one_of_two, (root, port), nprocs=2)
    return root


@pytest.mark.parametrize("network", ["network", "discriminators"])
def test_two_processes_get_the_gradient_of_the_joined_batch(folder: Path, network: str) -> None:
    alone = gradients(folder, f"one-{network}", ProcessGroup())[network]
    for rank in (0, 1):
        shared = torch.load(folder / f"rank{rank}.pt", weights_only=True)["gradients"][network]
        assert (shared - alone).norm() < 1e-5 * alone.norm()


def test_ctrl_c_in_one_process_stops_both_at_the_same_step(folder: Path) -> None:
    steps = [torch.load(folder / f"rank{rank}.pt", weights_only=True)["step"] for rank in (0, 1)]
    assert steps == [3, 3]
    state = torch.load(folder / "stopped/state.pt", weights_only=True)
    assert state["step"] == 3


def test_both_processes_learn_at_the_same_rates_although_one_validates(folder: Path) -> None:
    first, second = (torch.load(folder / f"rank{rank}.pt", weights_only=True)["rates"] for rank in (0, 1))
    assert first == second
    assert len(first) == 6
