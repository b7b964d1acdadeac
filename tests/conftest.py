"""Fixtures that tests of several parts share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The benchmark pictures beside the checkout, which are not distributed; tests skip without them."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the benchmark pictures are not beside this checkout")
    return folder
