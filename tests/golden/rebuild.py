"""Rebuilds the golden table and its sheets from the weights that ship, and reports what has changed.

    python tests/golden/rebuild.py

It needs the extra `onnxruntime`, and the graphs that `tools/onnx_graphs.py` writes. Do this when weights
change, or when outputs change on purpose. Name the change in CHANGELOG.md.
"""

from __future__ import annotations

from golden_table import (
    BACKENDS,
    TABLE,
    Key,
    Row,
    inputs,
    measure,
    outputs,
    read_sheet,
    read_table,
    write_sheet,
    write_table,
)

from deraincli.model_zoo.catalogue import SHIPPED


def main() -> None:
    before = read_table()[1] if TABLE.exists() else {}
    rows: dict[Key, Row] = {}
    for model in SHIPPED:
        sources = inputs(model)
        for backend in BACKENDS:  # fp32 first, because the others are compared with it
            results = outputs(model, backend)
            if backend == "fp32":
                write_sheet(model, results)
            golden = read_sheet(model)
            for name, result in results.items():
                rows[model, backend, name] = measure(result, sources[name], golden[name])
    write_table(rows)
    changed = [key for key in rows if key not in before or before[key].sha256 != rows[key].sha256]
    print(f"{len(rows)} outputs, of which {len(changed)} have changed.")
    if changed:
        print("Name the change in CHANGELOG.md.")


if __name__ == "__main__":
    main()
