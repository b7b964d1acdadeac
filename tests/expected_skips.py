"""Where CI is set, a test that skips for a reason that nobody expects fails the run."""

from __future__ import annotations

import os

import pytest

EXPECTED = (
    "CUDA",
    "root may",
    "no alpha",
    "big-endian BigTIFF",
    "benchmark pictures are not beside this checkout",
    "frames of the clip are not here",
)
"""Parts of the reasons that are accepted: hardware, rights and pictures that CI need not have.

MAY_SKIP adds others, separated by commas.
"""


def unexpected_skips(config: pytest.Config) -> list[str]:
    """Returns the reasons of skipped tests that are not accepted."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or "CI" not in os.environ:
        return []
    accepted = (*EXPECTED, *filter(None, os.environ.get("MAY_SKIP", "").split(",")))
    reasons = {report.longrepr[2] for report in reporter.stats.get("skipped", ())}
    return sorted(reason for reason in reasons if not any(part in reason for part in accepted))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if unexpected_skips(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for reason in unexpected_skips(terminalreporter.config):
        terminalreporter.write_line(f"UNEXPECTED SKIP {reason}", red=True)
