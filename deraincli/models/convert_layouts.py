"""Layer names in the published checkpoints of the baselines. The table PUBLISHED_LAYOUTS lists them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from deraincli.errors import UsageError


@dataclass(frozen=True)
class PublishedLayout:
    """Layer names and channel order of a published checkpoint."""

    source: str
    """Address and file of the published network."""
    task: str
    """Task of the model: `streak` or `drop`."""
    layers: Mapping[str, str] = field(default_factory=dict)
    """Our layer names by the published ones, without the `.weight` or `.bias` of their tensors."""
    prefix: str | None = None
    """Set if our names are the published ones behind this prefix. `layers` is empty then."""
    joined: tuple[str, ...] = ()
    """Our tensors whose first dimension is the first two of the published tensor."""
    bgr_inputs: tuple[str, ...] = ()
    """Our layers whose first three input channels are in the order blue, green, red in the checkpoint."""
    bgr_outputs: tuple[str, ...] = ()
    """Our layers whose output channels are in the order blue, green, red in the checkpoint."""

    def ours(self, key: str) -> str | None:
        """Returns our name of a tensor.

        Args:
            key: The published name.

        Returns:
            Our name, None if the published layer is not known.
        """
        if self.prefix is not None:
            return f"{self.prefix}{key}"
        layer, _, part = key.rpartition(".")
        return f"{self.layers[layer]}.{part}" if layer in self.layers else None

    def theirs(self, key: str) -> str:
        """Returns the published name of a tensor.

        Args:
            key: Our name of the tensor.

        Returns:
            The published name.
        """
        if self.prefix is not None:
            return key.removeprefix(self.prefix)
        ours, _, part = key.rpartition(".")
        layer = next(layer for layer, place in self.layers.items() if place == ours)
        return f"{layer}.{part}" if layer else part


PUBLISHED_LAYOUTS: dict[str, PublishedLayout] = {
    "prenet": PublishedLayout(
        source="https://github.com/csdwren/PReNet, networks.py: PReNet",
        task="streak",
        layers={
            "conv0.0": "stem",
            **{f"conv_{gate}.0": f"gates.{gate}" for gate in "ifgo"},
            **{f"res_conv{n}.{k}": f"residual.{n - 1}.{k}" for n in range(1, 6) for k in (0, 2)},
            "conv.0": "head",
        },
    ),
    "nledn": PublishedLayout(
        source="https://github.com/AlexHex7/NLEDN, lib/NLEDN.py",
        task="streak",
        layers={
            "conv1": "shallow",
            "conv2": "features",
            **{
                f"{theirs}.{part}": f"{ours}.{our_part}"
                for theirs, ours, attention in (
                    ("up_1", "encoder.0", "region_non_local.non_local_block"),
                    ("up_2", "encoder.1", "region_non_local.non_local_block"),
                    ("up_3", "encoder.2", "region_non_local.non_local_block"),
                    ("down_3", "middle", "non_local"),
                    ("down_2", "decoder.0", "region_non_local.non_local_block"),
                    ("down_1", "decoder.1", "region_non_local.non_local_block"),
                )
                for part, our_part in (
                    (f"{attention}.theta", "attention.query"),
                    (f"{attention}.phi.0", "attention.key"),
                    (f"{attention}.g.0", "attention.value"),
                    (f"{attention}.W", "attention.back"),
                    *((f"group_{n}.0", f"dense.{n}") for n in range(4)),
                    ("fusion.0", "mix"),
                )
            },
            "down_2_fusion": "joins.0",
            "down_1_fusion": "joins.1",
            "fusion.0": "fuse.0",
            "fusion.1": "fuse.1",
            "final_conv.0": "head",
        },
    ),
    "agan": PublishedLayout(
        source="https://github.com/rui1996/DeRaindrop, models/generator.py",
        task="drop",
        layers={
            "det_conv0.0": "attention.stem",
            **{f"det_conv{n}.{k}": f"attention.residual.{n - 1}.{k}" for n in range(1, 6) for k in (0, 2)},
            **{f"conv_{gate}.0": f"attention.gates.{gate}" for gate in "ifgo"},
            "det_conv_mask.0": "attention.head",
            "conv1.0": "painter.encode_full",
            "conv2.0": "painter.encode_half.0",
            "conv3.0": "painter.encode_half.1",
            **{f"conv{n}.0": f"painter.encode_quarter.{n - 4}" for n in (4, 5, 6)},
            **{f"diconv{n}.0": f"painter.encode_quarter.{n + 2}" for n in (1, 2, 3, 4)},
            **{f"conv{n}.0": f"painter.encode_quarter.{n}" for n in (7, 8)},
            "deconv1.0": "painter.up_to_half.conv",
            "conv9.0": "painter.decode_half",
            "deconv2.0": "painter.up_to_full.conv",
            "conv10.0": "painter.decode_full",
            "outframe1.0": "painter.smaller_heads.0",
            "outframe2.0": "painter.smaller_heads.1",
            "output.0": "painter.head",
        },
        bgr_inputs=("attention.stem", "painter.encode_full"),
        bgr_outputs=("painter.head", "painter.smaller_heads.0", "painter.smaller_heads.1"),
    ),
    "brn": PublishedLayout(
        source="https://github.com/csdwren/RecDerain, generator.py: BRN",
        task="streak",
        layers={
            f"{theirs}{suffix}{k}": f"{ours}.{part}"
            for ours, suffix in (("scene", ""), ("rain", "_r"))
            for theirs, k, part in (
                ("conv0", ".0", "stem"),
                *((f"conv_{gate}", ".0", f"gates.{gate}") for gate in "ifgo"),
                *((f"res_conv{n}", f".{k}", f"residual.{n - 1}.{k}") for n in range(1, 6) for k in (0, 2)),
                ("conv", ".0", "head"),
            )
        },
    ),
    "rcdnet": PublishedLayout(
        source="https://github.com/hongwang01/RCDNet, for_syn/src/model/rcdnet.py: Mainnet",
        task="streak",
        joined=("dictionary.conv",),
        layers={
            "": "dictionary",
            **{
                f"{theirs}{inside}": f"{ours}{our_inside}"
                for theirs, ours, letter in (
                    ("xnet", "first", "x"),
                    ("mnet", "idle", "m"),
                    *((f"x_stage.{n}", f"backgrounds.{n}", "x") for n in range(17)),
                    *((f"m_stage.{n}", f"rain_maps.{n}", "m") for n in range(17)),
                    ("fxnet", "last", "x"),
                )
                for inside, our_inside in (
                    ("", ""),  # the threshold of rain maps
                    *(
                        (f".res{letter}{n}.{k}", f".blocks.{n - 1}.{k}")
                        for n in range(1, 5)
                        for k in (0, 1, 3, 4)
                    ),
                )
            },
        },
    ),
    "mprnet": PublishedLayout(
        source="https://github.com/swz30/MPRNet, Deraining/MPRNet.py", task="streak", prefix="network."
    ),
    "restormer": PublishedLayout(
        source="https://github.com/swz30/Restormer, basicsr/models/archs/restormer_arch.py",
        task="streak",
        prefix="network.",
    ),
}


def published_layout(network: str) -> PublishedLayout:
    """Finds the published layout of a network.

    Args:
        network: Name of the network.

    Returns:
        The layout.

    Raises:
        UsageError: No layout is known.
    """
    if network not in PUBLISHED_LAYOUTS:
        raise UsageError(
            f"No published layout of {network!r} is known: choose {', '.join(PUBLISHED_LAYOUTS)}."
        )
    return PUBLISHED_LAYOUTS[network]
