"""The page of what every trial predicted."""

import base64

import cv2
import numpy as np

from segexp.report import trial_gallery as module
from segexp.report.panes import Panes
from segexp.report.trial_gallery import (
    ShownTrial,
    TrialsFound,
    in_turns,
    shown_image,
    spread,
    trial_gallery,
)
from tests.report.parsed import read_page

FINE, COARSE = (("road", (128, 64, 128)), ("sky", (70, 130, 180))), (("<b>all", (1, 2, 3)),)


def panes(number: int, height: int = 8, width: int = 12) -> Panes:
    image = np.full((height, width, 3), 10, np.uint8)
    return Panes(image, image + np.uint8(5), np.full((height, width, 3), number, np.uint8))


def trial(number: int, score: float, mapping: str = "fine", part: str = "") -> ShownTrial:
    classes = FINE if mapping == "fine" else COARSE
    images = {name: shown_image(panes(number)) for name in ("one", "two <i>")}
    link = f"report.html#trial-{number}"
    return ShownTrial(f"trial {number}", number, part, mapping, classes, score, link, images)


def pixels(address: str) -> np.ndarray:
    content = np.frombuffer(base64.b64decode(address.split(",")[1]), np.uint8)
    return cv2.imdecode(content, cv2.IMREAD_COLOR)[..., ::-1]


def test_an_image_has_its_truth_for_each_mapping_and_every_trial_best_first():
    found = TrialsFound([trial(0, 0.25), trial(1, 0.5, "coarse"), trial(2, 0.75)], 3)
    page = read_page(trial_gallery("Trials", "mIoU", found))
    assert page.headings == ["Images", "one", "two <i>"]
    assert [alt for _, alt in page.pictures[:6]] == [
        "one, image; enlarge",
        "one, truth, fine; enlarge",
        "one, truth, coarse; enlarge",
        "one, trial 2, 0.7500, fine; enlarge",
        "one, trial 1, 0.5000, coarse; enlarge",
        "one, trial 0, 0.2500, fine; enlarge",
    ]
    assert len(page.pictures) == 12
    assert [int(pixels(address)[0, 0, 0]) for address, _ in page.pictures[1:6]] == [15, 15, 2, 1, 0]
    assert ("href", "report.html#trial-1") in page.links
    assert "<b>all" in page.text and not page.notes
    assert len(page.scripts) == 3  # its links to the report may be dead in MLflow


def test_arms_can_be_chosen_among_where_there_are_some():
    found = TrialsFound([trial(0, 0.1, part="a"), trial(0, 0.2, part="b")], 2)
    page = read_page(trial_gallery("Trials", "mIoU", found, part_is="arm"))
    assert page.pictures[2][1] == "one, trial 0, 0.2000, fine, b; enlarge"
    assert [text for text in page.texts if text in ("arm ", "mapping ")] == ["arm "]
    found = TrialsFound([trial(0, 0.1, part="a"), trial(0, 0.2, "coarse", part="b")], 2)
    page = read_page(trial_gallery("Trials", "mIoU", found, part_is="arm"))
    assert [text for text in page.texts if text in ("arm ", "mapping ")] == ["arm "]
    several = TrialsFound([*found.trials, trial(1, 0.3, "coarse", part="a")], 3)
    page = read_page(trial_gallery("Trials", "mIoU", several, part_is="arm", more="More."))
    assert [t for t in page.texts if t in ("arm ", "mapping ")] == ["mapping ", "arm "]
    assert "void is hatched. More." in page.text


def test_wide_pictures_are_subsampled_and_masks_stay_exact():
    checks = np.indices((200, 1000)).sum(axis=0) % 2 * 255
    mask = np.repeat(checks[..., None], 3, axis=2).astype(np.uint8)
    shown = shown_image(Panes(mask, mask, mask))
    assert pixels(shown.prediction).shape == (50, 250, 3)
    assert set(np.unique(pixels(shown.prediction))) <= {0, 255}


def test_the_ends_come_first_and_then_what_is_between_them():
    assert [spread(n) for n in range(4)] == [[], [0], [0, 1], [0, 2, 1]]
    assert spread(9) == [0, 8, 4, 2, 6, 1, 3, 5, 7]
    assert sorted(spread(100)) == list(range(100))
    assert in_turns([[5, 3, 1], [4]]) == [5, 4, 1, 3]


def test_a_page_holds_a_bounded_number_of_trials_and_says_so(monkeypatch):
    trials = [trial(number, number / 10) for number in range(4)]
    size = sum(len(each.prediction) for each in trials[0].images.values())
    both = sum(len(e.image) + len(e.truth) for e in trials[0].images.values())
    monkeypatch.setattr(module, "BUDGET", 2 * size + both)
    page = read_page(trial_gallery("Trials", "mIoU", TrialsFound(trials, 4)))
    assert len(page.pictures) == 2 * (2 + 2)
    assert page.notes == [
        "2 of 4 complete trials are shown: of each mapping the best, the worst, and others spread "
        "evenly between them."
    ]
    alone = read_page(trial_gallery("Trials", "mIoU", TrialsFound(trials[:1], 900, 899)))
    assert alone.notes[0].startswith("1 of 900 complete trials are shown: ")


def test_sixty_trials_of_large_noisy_pictures_stay_below_two_megabytes():
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (160, 320, 3)).astype(np.uint8)
    noisy = shown_image(Panes(image, image, image))
    trials = [
        ShownTrial(f"trial {i}", i, "", "fine", FINE, 0.5, "", {"one": noisy}) for i in range(60)
    ]
    html = trial_gallery("Trials", "mIoU", TrialsFound(trials, 60))
    assert 1_000_000 < len(html) < 2_000_000


def test_what_is_missing_is_said_also_where_nothing_is_left():
    missing = ["No pictures of trial 3: the server does not answer."]
    page = read_page(trial_gallery("Trials", "mIoU", TrialsFound([], 1, missing=missing)))
    assert page.notes == missing
    assert not page.pictures
    assert not page.scripts
    assert "No trial has completed yet." in trial_gallery("T", "mIoU", TrialsFound([], 0))
