"""`python -m deraincli` and the `derain` script."""

from __future__ import annotations


def main() -> None:
    """Runs the command line and exits with its code."""
    from deraincli.cli.app import run

    run()


if __name__ == "__main__":
    main()
