"""What long work calls while it runs."""

from __future__ import annotations

from collections.abc import Callable

OnProgress = Callable[[int, int], None]
"""Called after each tile with the tiles done and all tiles; starts again from 1 if tiles had to shrink."""


OnWarning = Callable[[str], None]
"""Called with a sentence for the user."""
