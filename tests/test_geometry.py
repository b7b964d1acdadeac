import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from deraincli.geometry import Region, Size, Span, round_down, round_up, row_bands


@given(st.integers(0, 10**6), st.integers(1, 1000))
def test_rounding_reaches_the_nearest_multiple_on_its_side(length: int, multiple: int) -> None:
    down, up = round_down(length, multiple), round_up(length, multiple)
    assert down % multiple == up % multiple == 0
    assert length - multiple < down <= length <= up < length + multiple


def test_a_region_cuts_what_it_measures() -> None:
    region = Region(Span(2, 5), Span(1, 8))
    array = np.arange(100).reshape(10, 10)
    assert array[region.slices].shape == (region.size.height, region.size.width) == (3, 7)
    assert array[region.slices][0, 0] == array[2, 1]


def test_sizes_read_width_first() -> None:
    assert str(Size(height=768, width=1024)) == "1024×768"


@given(st.integers(1, 5000), st.integers(1, 3 * 10**6))
def test_bands_of_rows_are_all_rows_in_order(height: int, width: int) -> None:
    bands = list(row_bands(height, width))
    assert [row for band in bands for row in range(height)[band]] == list(range(height))
    heights = [band.stop - band.start for band in bands]
    assert min(heights) >= 1
    assert max(heights) == 1 or max(heights) * width <= 2**20
