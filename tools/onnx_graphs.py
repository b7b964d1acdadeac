"""Writes the ONNX graphs of the shipped models, with which they restore without PyTorch.

    python tools/onnx_graphs.py [NAME …]

Run it after every change of the weights or of the network. The weights stay in the model files, to which the
graphs refer. A test fails if a graph does not belong to its weights.
"""

from __future__ import annotations

import sys

from deraincli.export.exporter import export_model
from deraincli.export.weight_references import refer_to_weights
from deraincli.model_zoo.catalogue import SHIPPED
from deraincli.model_zoo.exports import shipped_graph
from deraincli.model_zoo.resolve import resolve_model


def main(names: list[str]) -> None:
    """Exports models, compares them with PyTorch, and writes their graphs beside their weights.

    Args:
        names: Shipped models. None stands for all.
    """
    for name in names or SHIPPED:
        (file,) = resolve_model(name).files
        exported = export_model(file, "onnx", on_step=print)
        shipped_graph(file).write_bytes(refer_to_weights(exported.data, file.path))
        print(f"{shipped_graph(file)}: differs from PyTorch by at most {exported.difference.maximum:.1e}")


if __name__ == "__main__":
    main(sys.argv[1:])
