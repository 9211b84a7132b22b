"""The gallery of two arms over four images of the road."""

import json

import numpy as np

from segexp.compare.shown_images import ShownImages, arms_galleries
from tests.compare.test_described_arms import COMMON, arm
from tests.report.parsed import read_page


def test_a_gallery_of_arms_has_one_run_of_each_in_the_common_space_and_leads_to_the_others():
    road = COMMON.names.index("road")
    arms = [arm("a", [[5, 5, 5], [0, 0, 0]]), arm("b", [[5, 9, 1], [0, 0, 0]])]
    shown = ShownImages(
        ("one", "two", "three"),
        image_of=lambda i: None,
        labels_of=lambda i: np.zeros((4, 6), np.uint8),
        decided=lambda i: [np.full((4, 6), road, np.uint8)] * 2,
    )
    pages = arms_galleries("mine", arms, COMMON, {0: "seed 3", 1: "seed 4"}, lambda run: shown)
    assert [*pages] == ["gallery.html", "gallery-2.html"]
    page = read_page(pages["gallery.html"])
    numbers = json.loads(page.blocks["gallery-numbers"])
    assert page.headings == ["Images", "two", "three", "one"]
    assert [image["wrong"] for image in numbers["images"]] == [[0.5, 0.1], [0.5, 0.9], [0.5, 0.5]]
    assert numbers["images"][0]["iou"][1][road] == 0.9
    assert "One of 2 runs of each arm: seed 3." in page.texts
    assert ("href", "gallery-2.html") in page.links
    second = read_page(pages["gallery-2.html"])
    assert ("href", "gallery.html") in second.links
    assert json.loads(second.blocks["gallery-numbers"])["images"][0]["wrong"] == [1.0, 1.0]
    assert [alt.split(", ")[1] for _, alt in page.pictures[:4]] == [
        *("truth; enlarge", "A: a; enlarge", "B: b; enlarge", "differences; enlarge")
    ]


def test_at_most_four_runs_have_galleries_and_a_single_one_is_not_named():
    road = COMMON.names.index("road")
    arms = [arm("a", [[5]] * 6), arm("b", [[6]] * 6)]
    shown = ShownImages(
        ("one",),
        image_of=lambda i: None,
        labels_of=lambda i: np.zeros((4, 6), np.uint8),
        decided=lambda i: [np.full((4, 6), road, np.uint8)] * 2,
    )
    names = {run: f"seed {run}" for run in range(6)}
    assert len(arms_galleries("mine", arms, COMMON, names, lambda run: shown)) == 4
    alone = arms_galleries("mine", arms, COMMON, {0: ""}, lambda run: shown)
    assert "runs of each arm" not in alone["gallery.html"]
