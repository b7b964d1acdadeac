"""`derain doctor`: whether everything is in place."""

from __future__ import annotations

from dataclasses import asdict

import typer

from deraincli.cli import options
from deraincli.errors import ExitCode


def command(quiet: options.Quiet = False, json: options.Json = False) -> None:
    """Check the installation, devices, caches and weights, and say what to do about each problem."""
    from deraincli.diagnostics.doctor import examine

    out = options.make_output(quiet, verbose=False, json=json)
    failed = False
    for finding in examine():
        failed |= finding.state == "fail"
        if json:
            out.result(asdict(finding), "")
        elif finding.state == "fail" or not quiet:
            out.document(f"{finding.state:<5}{finding.check}: {finding.found}")
            if finding.remedy:
                out.document(f"     → {finding.remedy}")
    if failed:
        raise typer.Exit(ExitCode.FAILED)
