"""BAL-Net for spandrel, the library with which chaiNNer and other programs load models.

    import spandrel, balnet_arch
    balnet_arch.install()
    model = spandrel.ModelLoader().load_from_file("balnet-lite-streak.safetensors")
    clean = model(rainy)  # B×3×H×W in 0–1

Needs deraincli and spandrel. The file is a shipped model, or one that `derain train` wrote with the default
config of balnet-lite, balnet-small or balnet.
"""

from __future__ import annotations

from functools import cache

import torch
from spandrel import (
    MAIN_REGISTRY,
    Architecture,
    ArchSupport,
    ImageModelDescriptor,
    SizeRequirements,
    StateDict,
)

from deraincli.models.base import RestorationNetwork
from deraincli.models.registry import NETWORKS

NAMES = ("balnet-lite", "balnet-small", "balnet")


@cache
def weight_shapes(name: str) -> dict[str, torch.Size]:
    """The shape of every weight of a network, without memory for it."""
    kind = NETWORKS[name]
    with torch.device("meta"):
        return {key: value.shape for key, value in kind.build(kind.config).state_dict().items()}


def network_of(state_dict: StateDict) -> str | None:
    """The name of the network whose weights these are. spandrel hands over no header, so shapes decide."""
    found = {key: value.shape for key, value in state_dict.items()}
    return next((name for name in NAMES if weight_shapes(name) == found), None)


class BALNetArch(Architecture[RestorationNetwork]):
    """Takes rain out of images. The maps are left out."""

    def __init__(self) -> None:
        super().__init__(id="BALNet", name="BAL-Net", detect=lambda state: network_of(state) is not None)

    def load(self, state_dict: StateDict) -> ImageModelDescriptor[RestorationNetwork]:
        name = network_of(state_dict)
        if name is None:
            raise ValueError("These are not the weights of a BAL-Net.")
        kind = NETWORKS[name]
        network = kind.build(kind.config)
        network.load_state_dict(state_dict)
        return ImageModelDescriptor(
            network,
            state_dict,
            architecture=self,
            purpose="Restoration",
            tags=[name],
            supports_half=False,  # activations can overflow
            supports_bfloat16=True,
            scale=1,
            input_channels=3,
            output_channels=3,
            size_requirements=SizeRequirements(multiple_of=network.size_multiple),
            call_fn=lambda model, rainy: model(rainy).image,
        )


def install() -> None:
    """Makes the architecture known to spandrel's loader. Does nothing the second time."""
    MAIN_REGISTRY.add(ArchSupport.from_architecture(BALNetArch()), ignore_duplicates=True)
