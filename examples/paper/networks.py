"""Prints the size of every baseline as a Markdown table: `python examples/paper/networks.py`.

Networks are counted on the meta device, so nothing is computed. Needs the extra `peers`.
"""

from __future__ import annotations

import torch

from deraincli.benchmark.flops import count_flops, count_parameters
from deraincli.benchmark.paper_figures import PAPER_FIGURES
from deraincli.models.registry import NETWORKS
from deraincli.reporting.markdown import markdown_table

SIDE = 320
TITLES = {
    "ddn": "DDN",
    "jorder": "JORDER (released single-pass network)",
    "did-mdn": "DID-MDN (without its density classifier)",
    "nledn": "NLEDN",
    "prenet": "PReNet",
    "eigen": "Eigen",
    "agan": "AGAN (generator)",
    "brn": "BRN",
    "rcdnet": "RCDNet",
    "mprnet": "MPRNet (published: 3,637,249, with one PReLU for all)",
    "restormer": "Restormer",
}


def main() -> None:
    rows = []
    for name, title in TITLES.items():
        kind = NETWORKS[name]
        with torch.device("meta"):
            network = kind.build(kind.config)
        published = PAPER_FIGURES[name].parameters
        parameters = f"{count_parameters(network):,}"
        gigaflops = f"{count_flops(network, SIDE) / 1e9:.1f}"
        rows.append([title, parameters, f"{published:,}" if published else "–", gigaflops])
    headings = ("network", "parameters", "in the authors' response", f"GFLOP at {SIDE}×{SIDE}")
    print(markdown_table(headings, rows))


if __name__ == "__main__":
    main()
