"""`derain doctor` checks the installation."""

from __future__ import annotations

from dataclasses import asdict

import typer

from deraincli.cli import options
from deraincli.cli.help import examples
from deraincli.errors import ExitCode

EXAMPLES = examples("derain doctor")


def command(
    quiet: options.Quiet = False, verbose: options.NoVerbose = False, json: options.Json = False
) -> None:
    """Check the installation, and say how to fix what is wrong."""
    from deraincli.diagnostics.doctor import examine

    out = options.make_output(quiet, verbose, json)
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
