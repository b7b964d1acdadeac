"""Speed at 320×320 as ratios within one run.

    python tests/performance/speed.py

Every workload is timed in turn, round after round, so that a drifting machine cancels; medians.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from statistics import median

import torch

from deraincli.inference.backends.torch_device import PRECISIONS, choose_precision
from deraincli.models.registry import NETWORKS

ROUNDS = 15
SIDE = 320


def workloads() -> dict[str, Callable[[], object]]:
    """Name → one forward pass."""
    picture = torch.rand(1, 3, SIDE, SIDE)
    last = picture.contiguous(memory_format=torch.channels_last)
    precision = choose_precision("auto", torch.device("cpu"))
    lite, prenet = (NETWORKS[name].build(NETWORKS[name].config).eval() for name in ("balnet-lite", "prenet"))
    lite_last = copy.deepcopy(lite).to(memory_format=torch.channels_last)
    prenet_last = copy.deepcopy(prenet).to(memory_format=torch.channels_last)
    lite_auto = copy.deepcopy(lite_last).to(PRECISIONS[precision])
    return {
        "balnet-lite, fp32, contiguous": lambda: lite(picture),
        "balnet-lite, fp32, channels_last": lambda: lite_last(last),
        f"balnet-lite, auto ({precision}), channels_last": lambda: lite_auto(last),
        "prenet, fp32, contiguous": lambda: prenet(picture),
        "prenet, fp32, channels_last": lambda: prenet_last(last),
    }


@torch.inference_mode()
def main() -> None:
    runs = workloads()
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(ROUNDS + 2):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if turn >= 2:  # the first rounds warm up
                seconds[name].append(time.perf_counter() - start)
    medians = {name: median(times) for name, times in seconds.items()}
    fastest = min(medians.values())
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {SIDE}×{SIDE}, {ROUNDS} rounds")
    for name, value in medians.items():
        print(f"{name:48} {1000 * value:8.1f} ms  × {value / fastest:.1f}")


if __name__ == "__main__":
    main()
