"""Restores a picture in several passes, from its finest working size to its coarsest.

The finest pass removes fine rain. So the coarser passes see broad rain only, and no blur of fine streaks.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deraincli.callbacks import OnProgress, OnWarning
from deraincli.geometry import Size
from deraincli.inference.joint_upsampling import carry_over, enlarged
from deraincli.inference.saturation import recolour_saturated
from deraincli.inference.tiled import Restored, RunTile, restore_tiled
from deraincli.inference.tiling import Tiling, plan
from deraincli.inference.working_size import SideChoice, coarser_sides, reduced, reduced_size, to_finest_size


def restore_in_passes(
    pixels: NDArray[Any],
    side: SideChoice,
    run_tile: RunTile,
    tiling: Tiling,
    *,
    on_progress: OnProgress | None = None,
    on_warning: OnWarning | None = None,
) -> Restored:
    """Restores a picture at its working sizes with `restore_tiled`.

    Args:
        pixels: The picture, H×W×3 RGB, as for `restore_tiled`.
        side: The working side.
        run_tile: Restores one tile.
        tiling: How to cut the picture at each size.
        on_progress: Receives the number of tiles done and their total over all passes.
        on_warning: Receives sentences for the user.

    Returns:
        The restored picture and its maps, as large as `pixels`. Integers that no pass changes keep their
        values. Saturated pixels take their colour from their surroundings. RAM is the largest of all passes
        at each place, and CAM the smallest. The maps of the encoder levels are those of the finest pass.

    Raises:
        InputError: The array has another shape, dtype or range.
        DeviceError: Even the smallest tile does not fit in memory.
    """
    finest = to_finest_size(pixels, side)
    size = Size(*finest.shape[:2])
    own_side = min(size.height, size.width)
    coarser = [] if side == "full" else coarser_sides(own_side)
    tiles = [len(plan(reduced_size(size, step), tiling).tiles) for step, _ in coarser]
    run = partial(restore_tiled, run_tile=run_tile, tiling=tiling, on_warning=on_warning)

    result = run(finest, on_progress=_counted(on_progress, 0, sum(tiles)))
    recolour_saturated(finest, result.image)
    done = len(plan(size, tiling).tiles)
    for number, (step, share) in enumerate(coarser):
        progress = _counted(on_progress, done + sum(tiles[:number]), sum(tiles[number + 1 :]))
        result = _with_coarser(result, step, share, partial(run, on_progress=progress))
    result = result._replace(sides=(own_side, *(step for step, _ in coarser)))
    return result if finest is pixels else _at_full_size(result, pixels, finest)


def _with_coarser(result: Restored, side: int, share: float, run: partial[Restored]) -> Restored:
    """Restores a result again at a smaller side. Only a share of the change counts."""
    smaller = reduced(result.image, side)
    coarse = run(smaller)
    size = Size(*result.image.shape[:2])
    ram, cam = result.ram, result.cam
    if ram is not None and cam is not None:
        coarse_ram = enlarged(coarse.ram, size, smooth=True)
        coarse_cam = enlarged(coarse.cam, size, smooth=True)
        assert coarse_ram is not None and coarse_cam is not None
        ram, cam = np.maximum(ram, share * coarse_ram), np.minimum(cam, 1 - share * (1 - coarse_cam))
    change = np.float32(share) * (coarse.image - smaller)
    return result._replace(image=carry_over(result.image, smaller, change), ram=ram, cam=cam)


def _at_full_size(result: Restored, pixels: NDArray[Any], smaller: NDArray[np.float32]) -> Restored:
    """Carries a result at a smaller size over to the picture."""
    size = Size(*pixels.shape[:2])
    return result._replace(
        image=carry_over(pixels, smaller, result.image - smaller),
        ram=enlarged(result.ram, size, smooth=True),
        cam=enlarged(result.cam, size, smooth=True),
        levels=enlarged(result.levels, size, smooth=False),
    )


def _counted(on_progress: OnProgress | None, before: int, after: int) -> OnProgress | None:
    """Returns a callback that counts the tiles of earlier and later passes, too."""
    if on_progress is None:
        return None
    return lambda done, total: on_progress(before + done, before + total + after)
