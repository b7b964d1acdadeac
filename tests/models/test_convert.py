"""Published checkpoints: the networks written out by their published layer names give the same pictures."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load
from torch import Tensor

from deraincli.errors import ModelError, UsageError
from deraincli.models.checkpoint import load_model
from deraincli.models.convert import import_checkpoint

Weights = dict[str, Tensor]
GATES = {f"conv_{gate}.0": (32, 64, 3) for gate in "ifgo"}
PRENET = {
    "conv0.0": (32, 6, 3),
    **{f"res_conv{n}.{k}": (32, 32, 3) for n in range(1, 6) for k in (0, 2)},
    **GATES,
    "conv.0": (3, 32, 3),
}
AGAN = {
    "det_conv0.0": (32, 4, 3),
    **{f"det_conv{n}.{k}": (32, 32, 3) for n in range(1, 6) for k in (0, 2)},
    **GATES,
    "det_conv_mask.0": (1, 32, 3),
    "conv1.0": (64, 4, 5),
    "conv2.0": (128, 64, 3),
    "conv3.0": (128, 128, 3),
    "conv4.0": (256, 128, 3),
    **{f"conv{n}.0": (256, 256, 3) for n in (5, 6, 7, 8)},
    **{f"diconv{n}.0": (256, 256, 3) for n in (1, 2, 3, 4)},
    "deconv1.0": (256, 128, 4),
    "conv9.0": (128, 128, 3),
    "deconv2.0": (128, 64, 4),
    "conv10.0": (32, 64, 3),
    "outframe1.0": (3, 256, 3),
    "outframe2.0": (3, 128, 3),
    "output.0": (3, 32, 3),
}
BLOCK = {f"group_{n}.0": (32, 64 + 32 * n, 3) for n in range(4)} | {"fusion.0": (64, 192, 1)}
NON_LOCAL = {"theta": (32, 64, 1), "phi.0": (32, 64, 1), "g.0": (32, 64, 1), "W": (64, 32, 1)}
INSIDE = {
    "down_3": "non_local",
    **dict.fromkeys(("up_1", "up_2", "up_3", "down_2", "down_1"), "region_non_local.non_local_block"),
}
NLEDN = {
    "conv1": (64, 3, 3),
    "conv2": (64, 64, 3),
    **{f"{block}.{layer}": shape for block in INSIDE for layer, shape in BLOCK.items()},
    **{
        f"{block}.{inside}.{layer}": shape
        for block, inside in INSIDE.items()
        for layer, shape in NON_LOCAL.items()
    },
    "down_2_fusion": (64, 128, 1),
    "down_1_fusion": (64, 128, 1),
    "fusion.0": (64, 192, 1),
    "fusion.1": (64, 64, 3),
    "final_conv.0": (3, 64, 3),
}


def drawn(shapes: dict[str, tuple[int, int, int]]) -> Weights:
    torch.manual_seed(5)
    weights: Weights = {}
    for layer, (first, second, kernel) in shapes.items():
        weights[f"{layer}.weight"] = torch.randn(first, second, kernel, kernel) / (second * kernel**2) ** 0.5
        weights[f"{layer}.bias"] = 0.1 * torch.randn(second if layer.startswith("deconv") else first)
    return weights


def conv(w: Weights, layer: str, x: Tensor, stride: int = 1, dilation: int = 1) -> Tensor:
    weight = w[f"{layer}.weight"]
    return F.conv2d(x, weight, w[f"{layer}.bias"], stride, dilation * (weight.shape[-1] // 2), dilation)


def recurrent(w: Weights, x: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    both = torch.cat([x, hidden], 1)
    i, f, g, o = (conv(w, f"conv_{gate}.0", both) for gate in "ifgo")
    cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
    return o.sigmoid() * cell.tanh(), cell


def residual(w: Weights, blocks: str, x: Tensor) -> Tensor:
    for n in range(1, 6):
        x = (conv(w, f"{blocks}{n}.2", conv(w, f"{blocks}{n}.0", x).relu()).relu() + x).relu()
    return x


def published_prenet(w: Weights, rainy: Tensor) -> Tensor:
    hidden = cell = torch.zeros(1, 32, *rainy.shape[2:])
    x = rainy
    for _ in range(6):
        hidden, cell = recurrent(w, conv(w, "conv0.0", torch.cat([rainy, x], 1)).relu(), hidden, cell)
        x = conv(w, "conv.0", residual(w, "res_conv", hidden)) + rainy
    return x


def published_agan(w: Weights, rainy: Tensor) -> Tensor:
    """On blue, green, red, as the authors' script reads pictures; turned back here."""
    picture = rainy.flip(1)
    mask = torch.full((1, 1, *rainy.shape[2:]), 0.5)
    hidden = cell = torch.zeros(1, 32, *rainy.shape[2:])
    for _ in range(4):
        x = residual(w, "det_conv", conv(w, "det_conv0.0", torch.cat([picture, mask], 1)).relu())
        hidden, cell = recurrent(w, x, hidden, cell)
        mask = conv(w, "det_conv_mask.0", hidden)
    full = conv(w, "conv1.0", torch.cat([picture, mask], 1)).relu()
    half = conv(w, "conv3.0", conv(w, "conv2.0", full, stride=2).relu()).relu()
    x = conv(w, "conv4.0", half, stride=2).relu()
    for layer, dilation in (
        ("conv5", 1),
        ("conv6", 1),
        *((f"diconv{n}", 2**n) for n in range(1, 5)),
        ("conv7", 1),
        ("conv8", 1),
    ):
        x = conv(w, f"{layer}.0", x, dilation=dilation).relu()
    x = conv(w, "conv9.0", doubled(w, "deconv1.0", x) + half).relu()
    x = conv(w, "conv10.0", doubled(w, "deconv2.0", x) + full).relu()
    return conv(w, "output.0", x).flip(1)


def doubled(w: Weights, layer: str, x: Tensor) -> Tensor:
    x = F.conv_transpose2d(x, w[f"{layer}.weight"], w[f"{layer}.bias"], 2, 1)
    return F.avg_pool2d(F.pad(x, (1, 0, 1, 0), mode="reflect"), 2, 1).relu()


def published_nledn(w: Weights, rainy: Tensor) -> Tensor:
    first = conv(w, "conv1", rainy)
    start = conv(w, "conv2", first)
    up_1_whole = block(w, "up_1", start, 8)
    up_1, indices_1 = F.max_pool2d(up_1_whole, 2, return_indices=True)
    up_2, indices_2 = F.max_pool2d(block(w, "up_2", up_1, 4), 2, return_indices=True)
    up_3, indices_3 = F.max_pool2d(block(w, "up_3", up_2, 2), 2, return_indices=True)
    x = F.max_unpool2d(block(w, "down_3", up_3, 1), indices_3, 2)
    x = block(w, "down_2", conv(w, "down_2_fusion", torch.cat([up_2, x], 1)), 2)
    x = F.max_unpool2d(x, indices_2, 2)
    x = block(w, "down_1", conv(w, "down_1_fusion", torch.cat([up_1, x], 1)), 4)
    x = F.max_unpool2d(x, indices_1, 2)
    x = conv(w, "fusion.1", conv(w, "fusion.0", torch.cat([start, x, up_1_whole], 1)))
    return rainy - conv(w, "final_conv.0", x + first).tanh()


def block(w: Weights, name: str, x: Tensor, grid: int) -> Tensor:
    rows = [
        torch.cat([non_local(w, f"{name}.{INSIDE[name]}", cell) for cell in row.chunk(grid, 3)], 3)
        for row in x.chunk(grid, 2)
    ]
    known = torch.cat(rows, 2)
    for n in range(4):
        known = torch.cat([known, conv(w, f"{name}.group_{n}.0", known).relu()], 1)
    return conv(w, f"{name}.fusion.0", known) + x


def non_local(w: Weights, name: str, x: Tensor) -> Tensor:
    theta = conv(w, f"{name}.theta", x).flatten(2)
    phi, g = (F.max_pool2d(conv(w, f"{name}.{part}.0", x), 2).flatten(2) for part in ("phi", "g"))
    seen = g @ (theta.transpose(1, 2) @ phi).softmax(-1).transpose(1, 2)
    return x + conv(w, f"{name}.W", seen.unflatten(2, x.shape[2:]))


PUBLISHED: dict[str, tuple[dict[str, tuple[int, int, int]], Callable[[Weights, Tensor], Tensor]]] = {
    "prenet": (PRENET, published_prenet),
    "agan": (AGAN, published_agan),
    "nledn": (NLEDN, published_nledn),
}


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("prefix", ["", "module."])
def test_an_imported_network_gives_the_published_ones_pictures(
    tmp_path: Path, name: str, prefix: str
) -> None:
    shapes, restore = PUBLISHED[name]
    weights = drawn(shapes)
    torch.save({f"{prefix}{key}": value for key, value in weights.items()}, tmp_path / "net.pth")
    (tmp_path / "net.safetensors").write_bytes(import_checkpoint(tmp_path / "net.pth", name))
    network, info = load_model(tmp_path / "net.safetensors")
    assert info.network == name
    rainy = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(6))
    with torch.inference_mode():
        expected = restore(weights, rainy)
        assert (expected - rainy).abs().mean() > 0.01
        torch.testing.assert_close(network(rainy).image, expected, atol=1e-4, rtol=1e-4)


def test_weights_beside_other_things_are_found(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "state_dict": drawn(PRENET)}, tmp_path / "net.pth")
    torch.save(drawn(PRENET), tmp_path / "bare.pth")
    wrapped, bare = (load(import_checkpoint(tmp_path / file, "prenet")) for file in ("net.pth", "bare.pth"))
    assert wrapped.keys() == bare.keys()
    assert all(torch.equal(wrapped[key], bare[key]) for key in bare)


def test_every_key_is_accounted_for(tmp_path: Path) -> None:
    path, weights = tmp_path / "net.pth", drawn(PRENET)
    for change, says in (
        ({"conv_z.0.weight": torch.zeros(32, 64, 3, 3)}, "tensor 'conv_z.0.weight' has no place"),
        ({"conv0.0.weight": torch.zeros(32, 3, 3, 3)}, "its conv0.0.weight has shape"),
        ({"conv0.0.bias": torch.full((32,), torch.nan)}, "conv0.0.bias .* not finite"),
    ):
        torch.save(weights | change, path)
        with pytest.raises(ModelError, match=says):
            import_checkpoint(path, "prenet")
    torch.save({key: value for key, value in weights.items() if key != "conv.0.bias"}, path)
    with pytest.raises(ModelError, match=r"it has no conv\.0\.bias"):
        import_checkpoint(path, "prenet")
    with pytest.raises(UsageError, match="prenet"):
        import_checkpoint(path, "jorder")


class Trap:
    def __reduce__(self) -> tuple:
        return Path.touch, (Path("sprung"),)


def test_a_checkpoint_cannot_run_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"conv0.0.weight": Trap()}, "trap.pth")
    Path("plain.pth").write_bytes(pickle.dumps(Trap(), protocol=2))
    Path("empty.pth").write_bytes(b"")
    Path("cut.pth").write_bytes(Path("trap.pth").read_bytes()[:-50])
    Path("text.pth").write_text("no checkpoint at all")
    for name in ("trap", "plain", "empty", "cut", "text", "missing"):
        with pytest.raises(ModelError, match=name):
            import_checkpoint(Path(f"{name}.pth"), "prenet")
    torch.save([torch.zeros(2)], "list.pth")
    with pytest.raises(ModelError, match="named tensors"):
        import_checkpoint(Path("list.pth"), "prenet")
    assert not Path("sprung").exists()
