"""Table of all networks, with the default config and the module for each name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deraincli.errors import UsageError
from deraincli.models.balnet.config import BALNET, BALNET_LITE, BALNET_SMALL
from deraincli.models.balnet.network import BALNet
from deraincli.models.base import RestorationNetwork
from deraincli.models.baselines.agan import AGAN, AGANConfig
from deraincli.models.baselines.brn import BRN, BRNConfig
from deraincli.models.baselines.ddn import DDN, DDNConfig
from deraincli.models.baselines.didmdn import DIDMDN, DIDMDNConfig
from deraincli.models.baselines.eigen import Eigen, EigenConfig
from deraincli.models.baselines.jorder import JORDER, JORDERConfig
from deraincli.models.baselines.nledn import NLEDN, NLEDNConfig
from deraincli.models.baselines.prenet import PReNet, PReNetConfig
from deraincli.models.baselines.rcdnet import RCDNet, RCDNetConfig
from deraincli.models.baselines.spandrel_peers import MPRNetConfig, RestormerConfig, mprnet, restormer
from deraincli.models.config_io import dump_config, parse_config

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True)
class NetworkKind:
    """How to build one kind of network."""

    config: DataclassInstance
    """The default config, a frozen dataclass."""
    build: Callable[[Any], RestorationNetwork]
    """Builds the module with random weights from a config."""


NETWORKS: dict[str, NetworkKind] = {
    "balnet": NetworkKind(BALNET, BALNet),
    "balnet-lite": NetworkKind(BALNET_LITE, BALNet),
    "balnet-small": NetworkKind(BALNET_SMALL, BALNet),
    "ddn": NetworkKind(DDNConfig(), DDN),
    "jorder": NetworkKind(JORDERConfig(), JORDER),
    "did-mdn": NetworkKind(DIDMDNConfig(), DIDMDN),
    "nledn": NetworkKind(NLEDNConfig(), NLEDN),
    "prenet": NetworkKind(PReNetConfig(), PReNet),
    "eigen": NetworkKind(EigenConfig(), Eigen),
    "agan": NetworkKind(AGANConfig(), AGAN),
    "brn": NetworkKind(BRNConfig(), BRN),
    "rcdnet": NetworkKind(RCDNetConfig(), RCDNet),
    "mprnet": NetworkKind(MPRNetConfig(), mprnet),
    "restormer": NetworkKind(RestormerConfig(), restormer),
}


def configure(name: str, options: dict[str, Any], *, source: str) -> DataclassInstance:
    """Returns a network's default config with some top-level keys replaced, as for ablations.

    Args:
        name: Name of the network.
        options: The keys to replace.
        source: Where the options come from, for error messages.

    Returns:
        The config.

    Raises:
        UsageError: The network or an option is unknown.
    """
    if name not in NETWORKS:
        raise UsageError(f"network = '{name}' is not known: take one of {', '.join(NETWORKS)}.")
    default = NETWORKS[name].config
    return parse_config(type(default), {**dump_config(default), **options}, source=source)
