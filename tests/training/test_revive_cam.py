"""examples/training/revive_cam.py: the same picture as before, with a CAM that can learn again."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

import torch

from deraincli.models.balnet.config import BALNET_LITE
from deraincli.models.balnet.network import BALNet

revived = runpy.run_path(str(Path(__file__).parents[2] / "examples/training/revive_cam.py"))["revived"]


def test_a_dead_cam_becomes_the_opposite_of_ram_and_the_picture_stays() -> None:
    """Exactly so without SE, whose gates depend on both maps."""
    torch.manual_seed(1)
    before, after = (BALNet(replace(BALNET_LITE, squeeze_excite=False)).double().eval() for _ in range(2))
    for weight in before.parameters():  # heads and residual paths that are not zero
        torch.nn.init.normal_(weight, std=0.05)
    after.load_state_dict(revived(before.state_dict()))
    x = torch.rand(1, 12, 32, 32, dtype=torch.float64)
    assert before.attention is not None
    assert after.attention is not None
    ram, _ = before.attention(x)
    again, cam = after.attention(x)
    assert ram.std() > 1e-3
    torch.testing.assert_close(again, ram)
    torch.testing.assert_close(cam, 1 - ram)
    with_dead_cam = before.restorer(x, (ram, torch.ones_like(ram)))
    torch.testing.assert_close(after.restorer(x, (again, cam)), with_dead_cam, rtol=1e-5, atol=1e-6)
