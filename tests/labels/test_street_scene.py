"""Street scenes as a witness against a wrong numbering; shares of published data sets."""

import numpy as np
import pytest

from harness.trees import CAMVID, CITYSCAPES
from segexp.labels.street_scene import street_warnings
from segexp.labels.taxonomy import VOID, Label, Taxonomy

# Percent of the labelled pixels of the train split: Cordts et al. 2016, figure 2.
CITYSCAPES_SHARES = {
    **{"road": 36.9, "sidewalk": 6.1, "building": 22.8, "wall": 0.7, "fence": 0.9, "pole": 1.2},
    **{"traffic light": 0.2, "traffic sign": 0.6, "vegetation": 15.9, "terrain": 1.2, "sky": 4.0},
    **{"person": 1.2, "rider": 0.1, "car": 7.0, "truck": 0.3, "bus": 0.2, "train": 0.2},
    **{"motorcycle": 0.1, "bicycle": 0.4},
}
# The same of CamVid in the SegNet tutorial's split.
CAMVID_SHARES = {
    **{"sky": 17.4, "building": 24.2, "pole": 1.0, "road": 33.1, "pavement": 4.7, "tree": 10.1},
    **{"sign_symbol": 1.2, "fence": 1.2, "car": 6.1, "pedestrian": 0.7, "bicyclist": 0.3},
}
HIGH = ("sky", "building", "vegetation", "tree")


def counts_of(by_id: dict[int, float], high: set[int]) -> np.ndarray:
    """Pixels of label indices; of the high ones nine tenths lie in the upper half."""
    counts = np.zeros((2, 256), np.int64)
    for index, share in by_id.items():
        upper = 0.9 if index in high else 0.1
        counts[:, index] += [round(1000 * share * upper), round(1000 * share * (1 - upper))]
    return counts


def shares_of(taxonomy: Taxonomy, shares: dict[str, float], shift: int = 0) -> np.ndarray:
    """What a taxonomy reads where every id is shifted; ids that it does not know never occur."""
    ids = {taxonomy.names.index(name) + shift: name for name in shares}
    known = {i: name for i, name in ids.items() if 0 <= i < len(taxonomy.names)}
    high = {i for i, name in known.items() if name in HIGH}
    return counts_of({i: shares[name] for i, name in known.items()}, high)


def found(taxonomy: Taxonomy, counts: np.ndarray) -> dict[str, str]:
    warnings = street_warnings(taxonomy, taxonomy.encodings["default"], counts)
    return {warning.kind: warning.message for warning in warnings}


@pytest.mark.parametrize(
    ("taxonomy", "shares"), [(CITYSCAPES, CITYSCAPES_SHARES), (CAMVID, CAMVID_SHARES)]
)
def test_the_real_data_sets_are_as_they_should_be(taxonomy: Taxonomy, shares: dict[str, float]):
    assert found(taxonomy, shares_of(taxonomy, shares)) == {}


def test_ids_that_are_one_too_high_are_found_though_no_id_is_unknown():
    counts = shares_of(CITYSCAPES, CITYSCAPES_SHARES, shift=1)
    counts[1, 0] = 11_000  # the void of the other numbering, read as road
    message = found(CITYSCAPES, counts)["shifted-labels"]
    assert "look one too high for the taxonomy cityscapes19" in message
    assert "sidewalk 33%, wall 21%, terrain 14%" in message  # road, building, vegetation


def test_ids_that_are_one_too_low_are_found_though_road_is_gone():
    # Building becomes sidewalk, vegetation traffic sign; what was road is -1, which is void.
    message = found(CITYSCAPES, shares_of(CITYSCAPES, CITYSCAPES_SHARES, shift=-1))
    assert "look one too low" in message["shifted-labels"]


@pytest.mark.parametrize("shift", [-1, 1])
def test_shifted_camvid_is_found_in_its_own_taxonomy(shift: int):
    message = found(CAMVID, shares_of(CAMVID, CAMVID_SHARES, shift))["shifted-labels"]
    assert f"one too {'high' if shift > 0 else 'low'} for the taxonomy camvid11" in message


def test_camvid_that_is_read_as_cityscapes_is_unlike_it():
    # Sky is read as road, building as sidewalk, road as wall, tree as pole.
    counts = shares_of(CAMVID, CAMVID_SHARES)
    message = found(CITYSCAPES, counts)["unlike-streets"]
    assert "the most frequent are wall 33%, sidewalk 24%, road 17%, pole 10%" in message


def test_a_road_above_the_sky_is_no_street():
    counts = shares_of(CITYSCAPES, CITYSCAPES_SHARES)[::-1]
    assert list(found(CITYSCAPES, counts)) == ["road-above-sky"]
    assert "90% of the pixels" in found(CITYSCAPES, counts)["road-above-sky"]


def test_a_taxonomy_that_is_not_of_streets_is_not_judged():
    names = ("road", "cat", "dog")
    labels = tuple(Label(name, (i, i, i)) for i, name in enumerate(names))
    pets = Taxonomy("pets", labels, {"default": {0: 0, 1: 1, 2: 2, 255: VOID}})
    assert found(pets, counts_of({1: 50, 2: 50}, {1, 2})) == {}


def test_without_a_labelled_pixel_there_is_nothing_to_say():
    assert found(CITYSCAPES, counts_of({VOID: 100}, set())) == {}
