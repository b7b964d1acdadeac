"""`python -m deraincli` and the `derain` script."""

from __future__ import annotations

import os


def main() -> None:
    """Runs the command line and exits with its code.

    Threads that wait for others sleep, unless the user has chosen. By default they spin, which makes
    PyTorch many times slower where other programs keep the CPUs busy. OpenMP reads this when PyTorch is
    imported.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from deraincli.cli.app import run

    run()


if __name__ == "__main__":
    main()
