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
from deraincli.models.registry import NETWORKS

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
BRN = {
    "conv0.0": (32, 9, 3),
    "conv0_r.0": (32, 6, 3),
    **{
        f"{layer}{side}.{k}": shape
        for side in ("", "_r")
        for layer, shape, k in (
            *((f"conv_{gate}", (32, 96, 3), 0) for gate in "ifgo"),
            *((f"res_conv{n}", (32, 32, 3), k) for n in range(1, 6) for k in (0, 2)),
            ("conv", (3, 32, 3), 0),
        )
    },
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


def published_brn(w: Weights, rainy: Tensor) -> Tensor:
    x = r = rainy
    h = c = h_r = c_r = torch.zeros(1, 32, *rainy.shape[2:])

    def remember(side: str, seen: Tensor, own: Tensor, other: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        both = torch.cat([conv(w, f"conv0{side}.0", seen).relu(), own, other], 1)
        i, f, g, o = (conv(w, f"conv_{gate}{side}.0", both) for gate in "ifgo")
        cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
        return o.sigmoid() * cell.tanh(), cell

    def restore(side: str, x: Tensor, blocks: int) -> Tensor:
        for n in range(1, blocks + 1):
            first = conv(w, f"res_conv{n}{side}.0", x).relu()
            x = (conv(w, f"res_conv{n}{side}.2", first).relu() + x).relu()
        return conv(w, f"conv{side}.0", x)

    for _ in range(8):
        h_r, c_r = remember("_r", torch.cat([rainy, r], 1), h_r, h, c_r)
        r = restore("_r", h_r, 3)
        h, c = remember("", torch.cat([rainy, x, r], 1), h, h_r, c)
        x = restore("", h, 5)
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
    "brn": (BRN, published_brn),
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


def drawn_rcdnet() -> Weights:
    torch.manual_seed(7)
    weights = {
        "eta1": torch.rand(1),
        "eta2": torch.rand(1),
        "eta11": torch.rand(16, 1),
        "eta12": torch.rand(16, 1),
        "weight0": torch.randn(3, 32, 9, 9) / 9,
        "conv": torch.randn(16, 3, 32, 9, 9) / 9,
        "w_z_f": torch.randn(32, 3, 3, 3) / 5,
        "tau": torch.rand(1),
    }
    stages = [(f"{net}_stage.{n}", net) for n in range(17) for net in "xm"]
    for prefix, net in (("xnet", "x"), ("mnet", "m"), ("fxnet", "x"), *stages):
        channels = 35 if net == "x" else 32
        for n in range(1, 5):
            for k in (0, 3):
                layer, norm = f"{prefix}.res{net}{n}.{k}", f"{prefix}.res{net}{n}.{k + 1}"
                weights[f"{layer}.weight"] = torch.randn(channels, channels, 3, 3) / (9 * channels) ** 0.5
                weights[f"{layer}.bias"] = torch.randn(channels) / 10
                weights[f"{norm}.weight"] = torch.rand(channels) / 2
                weights[f"{norm}.bias"] = torch.randn(channels) / 10
                weights[f"{norm}.running_mean"] = torch.randn(channels) / 10
                weights[f"{norm}.running_var"] = 0.5 + torch.rand(channels)
                weights[f"{norm}.num_batches_tracked"] = torch.tensor(3)
        if net == "m":
            weights[f"{prefix}.tau"] = torch.rand(1, channels, 1, 1)
    return weights


def published_rcdnet(w: Weights, rainy: Tensor) -> Tensor:
    """In numbers from 0 to 255, as the authors' script feeds it; turned back here."""

    def proximal(prefix: str, x: Tensor) -> Tensor:
        letter = "m" if prefix.startswith("m") else "x"
        for n in range(1, 5):
            y = x
            for k in (0, 3):
                layer, norm = f"{prefix}.res{letter}{n}.{k}", f"{prefix}.res{letter}{n}.{k + 1}"
                y = F.batch_norm(
                    conv(w, layer, y),
                    w[f"{norm}.running_mean"],
                    w[f"{norm}.running_var"],
                    w[f"{norm}.weight"],
                    w[f"{norm}.bias"],
                )
                y = y.relu() if k == 0 else y
            x = (x + y).relu()
        return (x - w[f"{prefix}.tau"]).relu() if letter == "m" else x

    picture, kernel = 255 * rainy, w["conv"][1] / 10
    start = proximal("xnet", torch.cat([picture, F.conv2d(picture, w["w_z_f"], padding=1)], 1))
    scene, dual = start[:, :3], start[:, 3:]
    sparse = (picture - scene - w["tau"]).relu()
    maps = proximal("m_stage.0", F.conv_transpose2d(sparse, w["weight0"] / 10, padding=4))
    rain = torch.zeros_like(picture)
    for stage in range(17):
        step = w["eta2"] if stage == 0 else w["eta12"][stage - 1]
        if stage:
            error = F.conv_transpose2d(rain - (picture - scene), kernel, padding=4)
            maps = proximal(f"m_stage.{stage}", maps - w["eta11"][stage - 1] / 10 * error)
        rain = F.conv2d(maps, kernel, padding=4)
        moved = scene - step / 10 * (scene - (picture - rain))
        both = proximal(f"x_stage.{stage}", torch.cat([moved, dual], 1))
        scene, dual = both[:, :3], both[:, 3:]
    return proximal("fxnet", both)[:, :3] / 255


def test_an_imported_rcdnet_gives_the_published_ones_pictures(tmp_path: Path) -> None:
    weights = drawn_rcdnet()
    torch.save(weights, tmp_path / "model_best.pt")
    (tmp_path / "net.safetensors").write_bytes(import_checkpoint(tmp_path / "model_best.pt", "rcdnet"))
    network, _ = load_model(tmp_path / "net.safetensors")
    rainy = torch.rand(1, 3, 16, 24, generator=torch.Generator().manual_seed(6))
    with torch.inference_mode():
        expected = published_rcdnet(weights, rainy)
        scale = expected.abs().mean()
        assert scale > 0.01
        torch.testing.assert_close(network(rainy).image, expected, atol=1e-3 * scale.item(), rtol=1e-3)


@pytest.mark.parametrize(("name", "wrapper"), [("mprnet", "state_dict"), ("restormer", "params")])
def test_an_imported_peer_gives_the_pictures_of_spandrels_network(
    tmp_path: Path, name: str, wrapper: str
) -> None:
    kind = NETWORKS[name]
    peer = kind.build(kind.config).network.eval()
    torch.save({wrapper: peer.state_dict()}, tmp_path / "net.pth")
    (tmp_path / "net.safetensors").write_bytes(import_checkpoint(tmp_path / "net.pth", name))
    network, info = load_model(tmp_path / "net.safetensors")
    assert info.network == name
    rainy = torch.rand(1, 3, 16, 24, generator=torch.Generator().manual_seed(6))
    with torch.inference_mode():
        expected = peer(rainy)
        expected = expected if isinstance(expected, Tensor) else expected[0]
        assert (expected - rainy).abs().mean() > 0.001
        torch.testing.assert_close(network(rainy).image, expected, atol=1e-5, rtol=1e-5)
    torch.save({**peer.state_dict(), "surplus.weight": torch.zeros(1)}, tmp_path / "net.pth")
    with pytest.raises(ModelError, match="surplus"):
        import_checkpoint(tmp_path / "net.pth", name)


def test_weights_beside_other_things_are_found(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "state_dict": drawn(PRENET)}, tmp_path / "net.pth")
    torch.save(drawn(PRENET), tmp_path / "bare.pth")
    wrapped, bare = (load(import_checkpoint(tmp_path / file, "prenet")) for file in ("net.pth", "bare.pth"))
    assert wrapped.keys() == bare.keys()
    assert all(torch.equal(wrapped[key], bare[key]) for key in bare)


def test_every_key_is_accounted_for(tmp_path: Path) -> None:
    path, weights = tmp_path / "net.pth", drawn(PRENET)
    for change, says in (
        ({"conv0.0.running_mean": torch.zeros(32)}, "tensor 'conv0.0.running_mean' has no place"),
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
