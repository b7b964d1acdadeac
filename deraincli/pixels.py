"""The names for arrays of pixels, and the weights of luma."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.unsignedinteger[Any]]
"""Pixels of a file: H×W×C, uint8 or uint16 over the full range. C is 1 for grey and 3 for RGB."""

Picture: TypeAlias = NDArray[np.uint8]
"""An 8-bit picture: H×W×3 RGB."""

Floats: TypeAlias = NDArray[np.float32]
"""Values for computation, H×W or H×W×C if nothing else is said."""

Doubles: TypeAlias = NDArray[np.float64]
"""The same in double precision, for scores and for what must be equal on all machines."""

LUMA = (0.299, 0.587, 0.114)
"""Weights of R, G and B in grey, after ITU-R BT.601."""
