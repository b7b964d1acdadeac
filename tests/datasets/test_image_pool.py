"""The pictures that crops are cut from stay in memory as far as there is room."""

from __future__ import annotations

import numpy as np
from paired import write_picture

from deraincli.datasets.image_pool import ImagePool, photo_files


def test_a_picture_without_room_takes_none_from_the_others(tmp_path) -> None:
    sides = {"a": 20, "b": 60, "c": 30}
    for name, side in sides.items():
        write_picture(tmp_path / f"{name}.png", np.zeros((side, side, 3), np.uint8))
    room = 3 * (20 * 20 + 30 * 30)
    pool = ImagePool(photo_files(tmp_path), smallest_side=8, budget=room, strict=True)
    assert [pool[n][0].shape[0] for n in range(3)] == list(sides.values())
    assert [pool[n] is pool[n] for n in range(3)] == [True, False, True]  # others are read again
