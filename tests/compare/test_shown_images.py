"""The gallery of two arms over four images of the road."""

import json

import numpy as np

from segexp.compare.shown_images import ShownImages, arms_gallery
from tests.compare.test_described_arms import COMMON, arm
from tests.report.parsed import read_page


def test_the_gallery_of_arms_has_the_first_run_of_each_in_the_common_space():
    road = COMMON.names.index("road")
    arms = [arm("a", [[5, 5, 5], [0, 0, 0]]), arm("b", [[5, 9, 1], [0, 0, 0]])]
    shown = ShownImages(
        ("one", "two", "three"),
        image_of=lambda i: None,
        labels_of=lambda i: np.zeros((4, 6), np.uint8),
        decided=lambda i: [np.full((4, 6), road, np.uint8)] * 2,
    )
    page = read_page(arms_gallery("mine", arms, COMMON, shown, "learning_rate 0.001, seed 3"))
    numbers = json.loads(page.blocks["gallery-numbers"])
    assert page.headings == ["Images", "two", "three", "one"]
    assert [image["wrong"] for image in numbers["images"]] == [[0.5, 0.1], [0.5, 0.9], [0.5, 0.5]]
    assert numbers["images"][0]["iou"][1][road] == 0.9
    assert "The first of several runs: learning_rate 0.001, seed 3." in page.texts
    assert [alt.split(", ")[1] for _, alt in page.pictures[:4]] == [
        *("truth; enlarge", "A: a; enlarge", "B: b; enlarge", "differences; enlarge")
    ]
