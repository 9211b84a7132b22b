"""Warnings about mappings, on histograms that are written down here."""

from dataclasses import replace

import numpy as np
import pytest

from harness.trees import CAMVID, mapping
from segexp.labels.checks import color_warnings, histogram_warnings
from segexp.labels.mapping import MappedClass, Mapping
from segexp.labels.taxonomy import VOID

SHIPPED = [
    *("cityscapes19", "merged10", "merged10_background", "merged10_two_wheeler", "categories7"),
    *("camvid11", "camvid_merged6"),
]


def histogram(*images: dict[str, int], taxonomy=CAMVID) -> np.ndarray:
    """Pixels by label in each image; ``void`` is the unlabelled pixels."""
    counts = np.zeros((len(images), 256), np.int64)
    for row, image in zip(counts, images, strict=True):
        for label, pixels in image.items():
            row[VOID if label == "void" else taxonomy.names.index(label)] = pixels
    return counts


def even(**others: int) -> dict[str, int]:
    """A hundred pixels of every CamVid label, but for those that are named."""
    return dict.fromkeys(CAMVID.names, 100) | others


def messages(found) -> dict[str, list[str]]:
    by_kind: dict[str, list[str]] = {}
    for warning in found:
        assert "\n" not in warning.message
        by_kind.setdefault(warning.kind, []).append(warning.message)
    return by_kind


def with_void(name: str, *labels: str) -> Mapping:
    """A shipped mapping in which some labels belong to no class."""
    shipped = mapping(name)
    classes = [
        replace(c, labels=tuple(label for label in c.labels if label not in labels))
        for c in shipped.classes
    ]
    return replace(shipped, classes=tuple(c for c in classes if c.labels))


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_mapping_on_data_that_holds_every_label_alike_is_left_alone(name: str):
    shipped = mapping(name)
    counts = np.zeros((4, 256), np.int64)
    counts[:, : len(shipped.taxonomy.labels)] = 100
    counts[:, VOID] = 100
    # merged10 leaves out 2 of 19 labels, which is 10.5% here, where all are alike.
    assert histogram_warnings(shipped, counts, max_void=0.11) == []


def test_pairs_of_colours_that_look_alike_are_counted_where_they_are_many():
    greys = [MappedClass(f"c{i}", (i, i, i), (f"l{i}",)) for i in range(6)]
    found = color_warnings(Mapping("m", CAMVID, tuple(greys)))
    assert len(found) == 11
    assert found[-1].message.startswith("5 more pairs of classes have colours that look alike")
    assert len(color_warnings(Mapping("m", CAMVID, tuple(greys[:5])))) == 10


def test_labels_that_never_occur_are_listed_with_their_classes():
    found = messages(
        histogram_warnings(
            mapping("camvid_merged6"), histogram(even(fence=0, bicyclist=0), even(fence=0))
        )
    )
    (message,) = found.pop("absent-label")
    assert "1 label of camvid11 never in the 2 train images: fence (in structure)" in message
    assert found == {}


def test_a_label_that_is_absent_and_void_is_said_to_be_void():
    found = messages(histogram_warnings(with_void("camvid11", "fence"), histogram(even(fence=0))))
    assert "fence (in void)" in found["absent-label"][0]


def test_a_class_without_a_pixel_is_empty():
    found = messages(
        histogram_warnings(
            mapping("camvid_merged6"), histogram(even(pedestrian=0, bicyclist=0), {"sky": 7})
        )
    )
    (message,) = found["empty-class"]
    assert "class 'human' (pedestrian, bicyclist) is empty" in message
    assert "2 train images" in message
    assert "rare-class" not in found


def test_a_class_under_the_share_is_rare_with_its_pixels_and_images():
    # 2 of 2002 scored pixels are 0.0999%; void enters neither.
    counts = histogram(
        {"sky": 1000, "road": 1000, "fence": 1, "void": 9999},
        {"fence": 1},
        {"tree": 0},
    )
    two = Mapping(
        "two",
        CAMVID,
        (
            MappedClass("sky", (0, 0, 0), ("sky", "tree")),
            MappedClass("ground", (90, 90, 90), ("road",)),
            MappedClass("fence", (255, 255, 255), ("fence",)),
        ),
    )
    (message,) = messages(histogram_warnings(two, counts))["rare-class"]
    assert "class 'fence' (fence) has 0.1% of the scored train pixels, under 0.1%" in message
    assert "in 2 of 3 images" in message
    counts = histogram({"sky": 999, "road": 999, "fence": 2})  # exactly 0.1%
    assert "rare-class" not in messages(histogram_warnings(two, counts))
    assert "rare-class" in messages(histogram_warnings(two, counts, min_share=0.00101))


def test_images_of_a_rare_class_of_several_labels_are_counted_once():
    wide = even(pedestrian=1, bicyclist=1, road=10_000_000)
    found = histogram_warnings(mapping("camvid_merged6"), histogram(wide, wide, even()))
    message = messages(found)["rare-class"][-1]
    assert "class 'human'" in message
    assert "in 3 of 3 images" in message


def test_void_that_hides_too_much_names_its_labels_and_their_shares():
    # Of 1100 labelled pixels road and fence have 300 and 100.
    counts = histogram(even(road=300, sky=0, tree=0), {"void": 400})
    found = messages(histogram_warnings(with_void("camvid11", "road", "fence"), counts))
    (message,) = found["hidden-pixels"]
    assert "void hides 36.4% of the labelled train pixels, over 5%" in message
    assert "road 27.3%, fence 9.1%:" in message


def test_void_under_the_limit_is_left_alone():
    counts = histogram(even(fence=50))  # 50 of 1050 are 4.8%
    one = with_void("camvid11", "fence")
    assert histogram_warnings(one, counts) == []
    assert "hidden-pixels" in messages(histogram_warnings(one, counts, max_void=0.04))


def test_data_that_is_largely_unlabelled_is_warned_of_unless_a_class_takes_void():
    counts = histogram(even(void=500))  # of 1600
    (message,) = messages(histogram_warnings(mapping("camvid11"), counts))["unlabelled-pixels"]
    assert "31.2% of the train pixels carry no label of camvid11, over 25.0%" in message
    assert histogram_warnings(mapping("camvid11"), histogram(even(void=300))) == []
    taking = mapping("camvid_merged6")
    first = replace(taking.classes[0], labels=("sky", "void"))
    taking = replace(taking, classes=(first, *taking.classes[1:]))
    assert histogram_warnings(taking, counts) == []


def test_a_shared_colour_is_told_as_such_and_not_as_a_look_alike():
    classes = [
        MappedClass("a", (10, 20, 30), ("sky",)),
        MappedClass("b", (200, 200, 200), ("road",)),
        MappedClass("c", (10, 20, 30), ("tree",)),
    ]
    found = messages(color_warnings(Mapping("three", CAMVID, tuple(classes))))
    (message,) = found.pop("shared-color")
    assert "'a' and 'c' share the colour [10, 20, 30]" in message
    assert found == {}


def test_colours_that_look_alike_say_to_whom_and_how_near():
    (message,) = messages(color_warnings(mapping("merged10")))["look-alike-colors"]
    assert message.startswith(
        "classes 'vegetation' [107, 142, 35] and 'person' [220, 20, 60] look alike with "
        "deuteranopia (CIEDE2000 2.6, under 5)"
    )


def test_colours_that_look_alike_to_anyone_name_no_deficiency():
    classes = [MappedClass("a", (10, 20, 30), ("sky",)), MappedClass("b", (10, 20, 31), ("road",))]
    found = messages(color_warnings(Mapping("two", CAMVID, tuple(classes))))
    assert "look alike (CIEDE2000" in found["look-alike-colors"][0]
