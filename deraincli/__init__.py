"""deraincli: takes rain streaks and lens raindrops out of photos.

    import deraincli
    derainer = deraincli.load("balnet-lite")
    clean = derainer(image)

Importing this package imports neither torch nor OpenCV; both wait until a model is loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deraincli import errors
from deraincli._version import __version__

if TYPE_CHECKING:
    from deraincli.restoration.derainer import Derainer
    from deraincli.restoration.load import load

__all__ = ["Derainer", "__version__", "errors", "load"]


def __getattr__(name: str) -> object:
    if name == "load":
        from deraincli.restoration.load import load

        return load
    if name == "Derainer":
        from deraincli.restoration.derainer import Derainer

        return Derainer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    # Completion in notebooks and shells offers these names alone, although two of them are not imported yet.
    return __all__
