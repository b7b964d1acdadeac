"""deraincli: takes rain streaks and lens raindrops out of photos.

    import deraincli
    derainer = deraincli.load("balnet-lite")
    clean = derainer(image)

Importing this package imports neither torch nor OpenCV; both wait until a model is loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deraincli.restoration.derainer import Derainer, load

__version__ = "0.1.0"
__all__ = ["Derainer", "__version__", "load"]


def __getattr__(name: str) -> object:
    if name in ("Derainer", "load"):
        from deraincli.restoration import derainer

        return getattr(derainer, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
