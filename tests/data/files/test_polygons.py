"""Polygons drawn as masks: worked by hand on pixels' centres."""

import numpy as np
import pytest

from segexp.data.files.polygons import draw_polygons, read_polygons
from segexp.data.source import SampleFault


def written(path, *lines):
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_a_square_covers_the_pixels_whose_centres_are_inside(tmp_path):
    polygons = read_polygons(written(tmp_path / "a.txt", "1 0.25 0.5 0.75 0.5 0.75 1 0.25 1", ""))
    expected = [[7] * 8] * 2 + [[7, 7, 1, 1, 1, 1, 7, 7]] * 2
    assert draw_polygons(polygons, 4, 8, background=7).tolist() == expected


def test_a_triangle_and_a_shape_with_a_dent(tmp_path):
    triangle = read_polygons(written(tmp_path / "a.txt", "1 0 0 1 0 0 1"))
    assert draw_polygons(triangle, 4, 4, 0).tolist() == [
        [1, 1, 1, 0],
        [1, 1, 0, 0],
        [1, 0, 0, 0],
        [0, 0, 0, 0],
    ]
    dented = read_polygons(written(tmp_path / "b.txt", "1 0 0 0.5 0.5 1 0 1 1 0 1"))
    assert draw_polygons(dented, 4, 4, 0).tolist() == [
        [0, 0, 0, 1],
        [1, 0, 1, 1],
        [1, 1, 1, 1],
        [1, 1, 1, 1],
    ]


def test_the_smaller_of_two_objects_lies_on_top_in_any_order(tmp_path):
    large, small = "0 0 0 1 0 1 1 0 1", "1 0 0 0.5 0 0.5 0.5 0 0.5"
    for lines in ((large, small), (small, large)):
        polygons = read_polygons(written(tmp_path / "a.txt", *lines))
        assert [p.area for p in sorted(polygons, key=lambda p: p.id)] == [1, 0.25]
        assert draw_polygons(polygons, 2, 2, 9).tolist() == [[1, 0], [0, 0]]


def test_objects_do_not_move_when_they_are_drawn(tmp_path):
    """A disc's centre of mass and area, against what they are."""
    angles = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    corners = np.stack([0.4 + 0.3 * np.cos(angles), 0.5 + 0.3 * np.sin(angles)], axis=1)
    line = "1 " + " ".join(f"{value:.6f}" for value in corners.ravel())
    drawn = draw_polygons(read_polygons(written(tmp_path / "a.txt", line)), 200, 200, 0)
    rows, columns = np.nonzero(drawn)
    assert columns.mean() + 0.5 == pytest.approx(80, abs=0.02)
    assert rows.mean() + 0.5 == pytest.approx(100, abs=0.02)
    assert len(rows) == pytest.approx(np.pi * 60**2, rel=0.002)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("0 0.5 0.5 0.2 0.2", "a.txt:1: a box, not a polygon"),
        ("0 0.5 0.5", "a.txt:1: class 0 with 2 numbers"),
        ("0 0 0 1 0 1 1 0", "a.txt:1: class 0 with 7 numbers"),
        ("-1 0 0 1 0 1 1", "a.txt:1: class -1 with 6 numbers"),
        ("car 0 0 1 0 1 1", "a.txt:1: expected `class x1 y1 x2 y2 ...`"),
        ("0 0 0 640 0 640 480", "a.txt:1: corners outside of 0 to 1"),
        ("0 0 0 nan 0 1 1", "a.txt:1: corners outside of 0 to 1"),
    ],
)
def test_lines_of_another_form_are_faults(tmp_path, line, fault):
    with pytest.raises(SampleFault) as caught:
        read_polygons(written(tmp_path / "a.txt", line))
    assert fault in str(caught.value)
