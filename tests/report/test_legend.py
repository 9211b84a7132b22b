import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from segexp.report.legend import (
    MAX_SHARE,
    break_rows,
    entry_width,
    hatching,
    legend_box,
    load_font,
    shorten,
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=30),
    st.integers(1, 1200),
    st.integers(1, 1200),
)
def test_a_legend_covers_a_third_at_most_and_stays_inside(
    names: list[str], width: int, height: int
):
    box = legend_box([(name, (1, 2, 3)) for name in names], width, height)
    if box is not None:
        assert box.width < width
        assert box.height < height
        assert box.width * box.height <= MAX_SHARE * width * height


def test_a_picture_too_small_for_a_name_gets_no_legend():
    assert legend_box([("road", (1, 2, 3))], 32, 32) is None


def test_nineteen_classes_fit_into_a_picture_of_two_megapixels():
    entries = [(f"class number {i}", (10 * i, 1, 2)) for i in range(19)]
    box = legend_box(entries, 2048, 1024)
    assert box is not None
    colors = {tuple(color[:3]) for _, color in box.getcolors(1 << 20)}
    assert {color for _, color in entries} <= colors


def test_what_does_not_fit_is_counted():
    entries = [(f"class number {i}", (10 * i, 1, 2)) for i in range(19)]
    font = load_font(9)
    assert legend_box(entries, 200, 100) is not None
    rows = break_rows(entries, font, 200, 4)
    assert [entry for row in rows for entry in row] == entries
    assert all(sum(entry_width(e, font) for e in row) <= 200 for row in rows)
    assert len(rows) > 1


def test_a_long_name_is_cut_to_its_width():
    font = load_font(12)
    cut = shorten("a very\n long   name of a class", font, 60)
    assert cut.endswith("...") and cut.startswith("a v")
    assert font.getlength(cut) <= 60
    assert shorten("road", font, 60) == "road"


def test_void_is_hatched_in_two_greys():
    stripes = hatching(6, 9)
    assert stripes.shape == (6, 9, 3)
    assert np.unique(stripes).tolist() == [160, 205]
    assert np.array_equal(stripes[0, 3:], stripes[3, :-3])  # diagonal
