import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from deraincli.errors import DeviceError, InputError
from deraincli.inference.tiled import restore_tiled
from deraincli.inference.tiling import Tiling, choose_tiling

WHOLE = Tiling(None, 0, 8)
DTYPES = [np.uint8, np.uint16, np.float32]


def identity(tile: NDArray[np.float32]) -> NDArray[np.float32]:
    return tile


def noise(height: int, width: int, dtype: type = np.uint8, seed: int = 0) -> NDArray:
    rng = np.random.default_rng(seed)
    if dtype is np.float32:
        return rng.random((height, width, 3), np.float32)
    return rng.integers(0, np.iinfo(dtype).max, (height, width, 3), dtype, endpoint=True)


@given(
    st.integers(1, 200),
    st.integers(1, 200),
    st.sampled_from([1, 2, 8, 32]),
    st.integers(1, 4),
    st.integers(0, 40),
    st.sampled_from(DTYPES),
)
def test_an_identity_network_returns_the_picture_exactly(
    height: int, width: int, multiple: int, tiles: int, margin: int, dtype: type
) -> None:
    tiling = choose_tiling(max(max(height, width) // tiles, 1), "auto", margin=margin, multiple=multiple)
    pixels = noise(height, width, dtype)
    restored = restore_tiled(pixels, identity, tiling)
    assert restored.image.dtype == pixels.dtype
    np.testing.assert_array_equal(restored.image, pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_level_survives(dtype: type) -> None:
    levels = np.arange(np.iinfo(dtype).max + 1, dtype=dtype).reshape(-1, 256)
    pixels = np.repeat(levels[..., None], 3, axis=2)
    tiling = choose_tiling(64, 32, margin=0, multiple=8)
    np.testing.assert_array_equal(restore_tiled(pixels, identity, tiling).image, pixels)


@given(st.integers(1, 120), st.integers(1, 120), st.integers(3, 10), st.integers(1, 6))
def test_what_lies_within_the_margin_of_a_tile_is_never_shown(
    height: int, width: int, cells: int, margin: int
) -> None:
    """A tile callable that returns NaN at its borders shows them at the picture's borders alone."""
    tiling = choose_tiling(cells * 8, "auto", margin=margin, multiple=4)
    margin = min(margin, 2 * tiling.overlap // 5)

    def spoil(tile: NDArray[np.float32]) -> NDArray[np.float32]:
        spoilt = np.full_like(tile, np.nan)
        inner = np.s_[:, margin : tile.shape[1] - margin, margin : tile.shape[2] - margin]
        spoilt[inner] = tile[inner]
        return spoilt

    pixels = noise(height, width, np.float32)
    bottom, right = (
        max(length - margin - 3, 0) for length in (height, width)
    )  # 3: padding to multiples of 4
    inner = np.s_[margin:bottom, margin:right]
    np.testing.assert_array_equal(restore_tiled(pixels, spoil, tiling).image[inner], pixels[inner])


@given(st.integers(1, 40), st.integers(1, 40))
def test_the_picture_is_mirrored_past_its_borders(height: int, width: int) -> None:
    seen = []
    pixels = noise(height, width, np.float32)
    restore_tiled(pixels, lambda tile: seen.append(tile.copy()) or tile, Tiling(None, 0, 16))
    down, right = -height % 16, -width % 16
    mode = [("reflect" if length > 1 else "edge") for length in (height, width)]
    expected = np.pad(pixels, ((0, down), (0, 0), (0, 0)), mode=mode[0])
    expected = np.pad(expected, ((0, 0), (0, right), (0, 0)), mode=mode[1])
    np.testing.assert_array_equal(seen[0], expected.transpose(2, 0, 1))


def test_tiles_see_what_the_whole_picture_shows_there() -> None:
    """Also in the mirrored part, where the last tile alone holds less than is mirrored."""
    whole, tiles = [], []
    pixels = noise(33, 65, np.float32)
    restore_tiled(pixels, lambda tile: whole.append(tile.copy()) or tile, Tiling(None, 0, 32))
    restore_tiled(pixels, lambda tile: tiles.append(tile.copy()) or tile, Tiling(32, 0, 32))
    rows = [np.concatenate(tiles[i : i + 3], axis=2) for i in (0, 3)]
    np.testing.assert_array_equal(np.concatenate(rows, axis=1), whole[0])


def test_integers_are_rounded_and_clamped() -> None:
    pixels = np.full((1, 4, 3), 100, np.uint8)
    answer = np.array([-0.5, 1.5, 100.4 / 255, 100.6 / 255], np.float32)
    restored = restore_tiled(pixels, lambda tile: np.tile(answer, (3, 1, 1)), Tiling(None, 0, 1))
    assert restored.image[0, :, 0].tolist() == [0, 255, 100, 101]


def test_maps_are_blended_like_the_picture() -> None:
    pixels = noise(90, 130, np.float32)
    tiling = choose_tiling(48, 16, margin=4, multiple=4)

    def with_maps(tile: NDArray[np.float32]) -> NDArray[np.float32]:
        answer = tile * np.random.default_rng(tile.size).random(tile.shape, np.float32)
        return np.concatenate([answer, answer[:1], 1 - answer[1:2]])

    restored = restore_tiled(pixels, with_maps, tiling)
    assert restored.ram is not None
    assert restored.cam is not None
    np.testing.assert_array_equal(restored.ram, restored.image[..., 0])
    np.testing.assert_allclose(restored.cam, 1 - restored.image[..., 1], atol=1e-6)


def test_without_maps_there_are_none() -> None:
    restored = restore_tiled(noise(5, 5), identity, WHOLE)
    assert restored.ram is None
    assert restored.cam is None


def test_the_input_is_left_alone() -> None:
    pixels = noise(50, 70, np.float32)
    before = pixels.copy()
    pixels.flags.writeable = False

    def overwrite(tile: NDArray[np.float32]) -> NDArray[np.float32]:
        tile[...] = 0
        return tile

    restore_tiled(pixels, overwrite, Tiling(16, 0, 8))
    np.testing.assert_array_equal(pixels, before)


def test_progress_counts_every_tile() -> None:
    calls = []
    restore_tiled(noise(100, 100), identity, Tiling(32, 0, 8), on_progress=lambda *call: calls.append(call))
    assert calls == [(done, 16) for done in range(1, 17)]


def test_tiles_shrink_until_they_fit() -> None:
    warnings, sides = [], []

    def small_only(tile: NDArray[np.float32]) -> NDArray[np.float32]:
        sides.append(tile.shape[1:])
        if tile.size > 3 * 40 * 40:
            raise MemoryError
        return tile

    pixels = noise(200, 300)
    restored = restore_tiled(
        pixels, small_only, choose_tiling(160, 16, margin=0, multiple=8), on_warning=warnings.append
    )
    np.testing.assert_array_equal(restored.image, pixels)
    assert max(restored.tile.height, restored.tile.width) <= 40
    assert len(warnings) == 2
    assert len({side for side in sides if side[0] * side[1] > 40 * 40}) == 2


def test_a_picture_smaller_than_its_tile_is_halved_itself() -> None:
    def small_only(tile: NDArray[np.float32]) -> NDArray[np.float32]:
        if tile.size > 3 * 40 * 40:
            raise MemoryError
        return tile

    warnings = []
    restored = restore_tiled(noise(64, 64), small_only, Tiling(4096, 0, 8), on_warning=warnings.append)
    assert restored.tile.height == 32
    assert len(warnings) == 1


@pytest.mark.parametrize("tiling", [WHOLE, Tiling(64, 16, 8)])
def test_when_nothing_fits_the_user_learns_what_to_do(tiling: Tiling) -> None:
    def full(_: NDArray[np.float32]) -> NDArray[np.float32]:
        raise MemoryError

    with pytest.raises(DeviceError, match=r"set tile|set device"):
        restore_tiled(noise(100, 100), full, tiling)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4, 3), np.int32),
        np.full((4, 4, 3), 200.0),
        np.full((4, 4, 3), np.nan, np.float32),
    ],
    ids=["grey", "rgba", "empty", "int32", "floats to 255", "nan"],
)
def test_other_arrays_are_refused(pixels: NDArray) -> None:
    with pytest.raises(InputError):
        restore_tiled(pixels, identity, WHOLE)
