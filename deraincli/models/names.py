"""Names of all networks, to check and complete them without PyTorch."""

from __future__ import annotations

from importlib.util import find_spec

NETWORKS = (
    "balnet",
    "balnet-lite",
    "balnet-small",
    "ddn",
    "jorder",
    "did-mdn",
    "nledn",
    "eigen",
    "agan",
    "prenet",
    "brn",
    "rcdnet",
    "mprnet",
    "restormer",
)
"""The keys of the table in `deraincli.models.registry`."""
PACKAGES = {"mprnet": "spandrel_extra_arches", "restormer": "spandrel_extra_arches"}
"""The optional packages that build networks which are not of this package."""


def is_buildable(network: str) -> bool:
    """Returns whether a network can be built here.

    Args:
        network: Its name.
    """
    package = PACKAGES.get(network)
    return package is None or find_spec(package) is not None
