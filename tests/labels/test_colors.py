import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.project import ROOT
from segexp.labels.checks import LOOK_ALIKE
from segexp.labels.colors import (
    DEFICIENCIES,
    LookAlike,
    ciede2000,
    confusable,
    simulate,
    to_lab,
    to_linear,
)
from segexp.labels.files import load_mapping

MAPPINGS = ROOT / "mappings"

# Table 1 of Sharma, Wu and Dalal 2005, all pairs: two colours in L*a*b*, and their CIEDE2000.
SHARMA_TABLE = [
    ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
    ((50.0, 3.1571, -77.2803), (50.0, 0.0, -82.7485), 2.8615),
    ((50.0, 2.8361, -74.02), (50.0, 0.0, -82.7485), 3.4412),
    ((50.0, -1.3802, -84.2814), (50.0, 0.0, -82.7485), 1.0),
    ((50.0, -1.1848, -84.8006), (50.0, 0.0, -82.7485), 1.0),
    ((50.0, -0.9009, -85.5211), (50.0, 0.0, -82.7485), 1.0),
    ((50.0, 0.0, 0.0), (50.0, -1.0, 2.0), 2.3669),
    ((50.0, -1.0, 2.0), (50.0, 0.0, 0.0), 2.3669),
    ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0009), 7.1792),
    ((50.0, 2.49, -0.001), (50.0, -2.49, 0.001), 7.1792),
    ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0011), 7.2195),
    ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0012), 7.2195),
    ((50.0, -0.001, 2.49), (50.0, 0.0009, -2.49), 4.8045),
    ((50.0, -0.001, 2.49), (50.0, 0.001, -2.49), 4.8045),
    ((50.0, -0.001, 2.49), (50.0, 0.0011, -2.49), 4.7461),
    ((50.0, 2.5, 0.0), (50.0, 0.0, -2.5), 4.3065),
    ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
    ((50.0, 2.5, 0.0), (61.0, -5.0, 29.0), 22.8977),
    ((50.0, 2.5, 0.0), (56.0, -27.0, -3.0), 31.903),
    ((50.0, 2.5, 0.0), (58.0, 24.0, 15.0), 19.4535),
    ((50.0, 2.5, 0.0), (50.0, 3.1736, 0.5854), 1.0),
    ((50.0, 2.5, 0.0), (50.0, 3.2972, 0.0), 1.0),
    ((50.0, 2.5, 0.0), (50.0, 1.8634, 0.5757), 1.0),
    ((50.0, 2.5, 0.0), (50.0, 3.2592, 0.335), 1.0),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((63.0109, -31.0961, -5.8663), (62.8187, -29.7946, -4.0864), 1.263),
    ((61.2901, 3.7196, -5.3901), (61.4292, 2.248, -4.962), 1.8731),
    ((35.0831, -44.1164, 3.7933), (35.0232, -40.0716, 1.5901), 1.8645),
    ((22.7233, 20.0904, -46.694), (23.0331, 14.973, -42.5619), 2.0373),
    ((36.4612, 47.858, 18.3852), (36.2715, 50.5065, 21.2231), 1.4146),
    ((90.8027, -2.0831, 1.441), (91.1528, -1.6435, 0.0447), 1.4441),
    ((90.9257, -0.5406, -0.9208), (88.6381, -0.8985, -0.7239), 1.5381),
    ((6.7747, -0.2908, -2.4247), (5.8714, -0.0985, -2.2286), 0.6377),
    ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
]

# Linear RGB by colorspacious 1.1.2, space {"name": "sRGB1+CVD", "severity": 100}, cut to 0..1.
COLORSPACIOUS = {
    "protanopia": [
        (0.30367, 0.23119, 0.0041),
        (0.1071, 0.09193, 0.04442),
        (0.02866, 0.02519, 0.01432),
    ],
    "deuteranopia": [
        (0.28298, 0.22389, 0.02616),
        (0.25861, 0.2073, 0.03562),
        (0.06735, 0.0546, 0.01196),
    ],
    "tritanopia": [
        (0.16083, 0.24273, 0.19282),
        (0.88996, 0.0, 0.02196),
        (0.22877, 0.0, 0.00758),
    ],
}
VEGETATION, PERSON, BICYCLE = (107, 142, 35), (220, 20, 60), (119, 11, 32)

colors = st.tuples(*[st.integers(0, 255)] * 3)


@pytest.mark.parametrize(("first", "second", "expected"), SHARMA_TABLE)
def test_ciede2000_agrees_with_the_published_table(
    first: tuple[float, ...], second: tuple[float, ...], expected: float
) -> None:
    assert ciede2000(first, second) == pytest.approx(expected, abs=5e-5)
    assert ciede2000(second, first) == pytest.approx(expected, abs=5e-5)


def test_ciede2000_takes_the_mean_of_two_hues_around_0_below_360() -> None:
    # Hues of 321.3 and 39.5 degrees; by scikit-image 0.26.0. The published table has no such pair.
    found = ciede2000((50.0, 10.0, -8.0), (50.0, 80.0, 66.0))
    assert found == pytest.approx(32.983185693084806, abs=1e-6)


def test_ciede2000_compares_many_colours_at_once() -> None:
    rows = np.array([row[:2] for row in SHARMA_TABLE])
    table = ciede2000(rows[:, None, 0], rows[None, :, 1])
    assert table.shape == (34, 34)
    assert np.diag(table) == pytest.approx([row[2] for row in SHARMA_TABLE], abs=5e-5)


def test_lab_agrees_with_opencv() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (50, 40, 3))
    expected = cv2.cvtColor((rgb / 255).astype(np.float32), cv2.COLOR_RGB2LAB)
    assert np.abs(to_lab(to_linear(rgb)) - expected).max() < 0.5  # OpenCV interpolates in a table


def test_lab_of_the_primaries_is_as_published() -> None:
    # Bruce Lindbloom's calculator: sRGB, white point D65.
    expected = [
        (53.2408, 80.0925, 67.2032),
        (87.7347, -86.1827, 83.1793),
        (32.2970, 79.1875, -107.8602),
    ]
    assert to_lab(np.eye(3)) == pytest.approx(np.array(expected), abs=0.01)


def test_lab_of_white_black_and_grey_has_no_colour() -> None:
    lab = to_lab(to_linear([(255, 255, 255), (0, 0, 0), (119, 119, 119)]))
    assert lab[:, 0] == pytest.approx([100.0, 0.0, 50.03], abs=0.01)
    assert lab[:, 1:] == pytest.approx(np.zeros((3, 2)), abs=1e-9)


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_what_is_seen_agrees_with_colorspacious(deficiency: str) -> None:
    seen = simulate(to_linear([VEGETATION, PERSON, BICYCLE]), deficiency)
    assert seen == pytest.approx(np.array(COLORSPACIOUS[deficiency]), abs=2e-5)


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_greys_look_the_same_to_everybody(deficiency: str) -> None:
    greys = to_linear([(v, v, v) for v in (0, 60, 128, 255)])
    assert simulate(greys, deficiency) == pytest.approx(greys, abs=1e-5)


def test_equal_colours_are_confused_by_anyone() -> None:
    pairs = confusable([(1, 2, 3), (250, 250, 250), (1, 2, 3)], 5.0)
    assert pairs == [LookAlike(0, 2, "none", 0.0)]


def test_cityscapes_vegetation_and_person_are_confused_with_deuteranopia() -> None:
    (pair,) = confusable([VEGETATION, PERSON], 5.0)
    assert (pair.first, pair.second, pair.deficiency) == (0, 1, "deuteranopia")
    assert 2.0 < pair.distance < 3.0
    assert ciede2000(*to_lab(to_linear([VEGETATION, PERSON]))) > 50  # to others they are far apart


def test_the_nearest_pair_comes_first_and_no_pair_twice() -> None:
    found = confusable(load_mapping(MAPPINGS / "cityscapes19.yaml").colors.tolist(), 12.0)
    distances = [pair.distance for pair in found]
    assert distances == sorted(distances)
    assert len({(p.first, p.second) for p in found}) == len(found) > 10
    assert all(p.first < p.second for p in found)


@given(st.lists(colors, max_size=5), st.floats(0, 50))
def test_a_lower_threshold_finds_a_part_of_the_pairs(
    found_among: list[tuple[int, int, int]], threshold: float
) -> None:
    places = {(p.first, p.second) for p in confusable(found_among, threshold)}
    assert places <= {(p.first, p.second) for p in confusable(found_among, threshold + 5)}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("camvid11", [("building", "pedestrian"), ("road", "fence")]),
        ("camvid_merged6", [("structure", "human")]),
        ("categories7", [("nature", "human")]),
        ("cityscapes19", [("vegetation", "person"), ("fence", "pole")]),
        ("merged10", [("vegetation", "person")]),
        ("merged10_background", [("vegetation", "person")]),
        ("merged10_two_wheeler", [("vegetation", "person")]),
    ],
)
def test_the_threshold_finds_few_pairs_in_the_shipped_mappings(
    name: str, expected: list[tuple[str, str]]
) -> None:
    mapping = load_mapping(MAPPINGS / f"{name}.yaml")
    found = confusable([c.color for c in mapping.classes], LOOK_ALIKE)
    assert [(mapping.names[p.first], mapping.names[p.second]) for p in found] == expected
