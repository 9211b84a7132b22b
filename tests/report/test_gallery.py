import json

import cv2
import numpy as np

from segexp.report import gallery
from segexp.report.gallery import choose_images, gallery_page, wrong_shares
from segexp.report.gallery_pictures import MAX_WIDTH
from segexp.report.pictures import paint_hatched
from tests.report.gallery_example import IDS, A, B, compared
from tests.report.parsed import read_page


def test_shares_of_wrong_pixels_are_those_worked_by_hand():
    np.testing.assert_allclose(
        wrong_shares(compared().matrices) * 14, [[2, 1, 3, np.nan], [1, 2, 1, np.nan]]
    )


def test_extremes_are_chosen_first_and_void_images_never():
    """B gains most on the third, loses most on the second; the first has the median difference."""
    assert choose_images(compared().matrices) == [2, 1, 0]


def test_the_image_where_a_class_differs_most_is_among_the_first():
    """Of seven the last gains and the first loses most, the third is the median; one has cars."""
    matrices = np.zeros((2, 7, 2, 3), np.int64)
    matrices[:, :, 0, 0] = 100
    matrices[:, :, 0, 1] = np.arange(7) * 5  # both models lose more from image to image
    matrices[1, :, 0, 1] += [3, 2, 1, 0, -1, -2, -3]
    matrices[0, 3, 1, 1] = matrices[1, 3, 1, 0] = 1
    assert choose_images(matrices)[:4] == [6, 0, 2, 3]
    assert sorted(choose_images(matrices)) == list(range(7))


def test_a_page_has_each_image_with_its_truth_its_predictions_and_their_difference():
    page = read_page(gallery_page("Gallery", [], compared())["gallery.html"])
    assert page.headings == ["Images", "three", "one", "two <b>"]
    assert [alt for _, alt in page.pictures[:5]] == [
        f"three, {name}; enlarge"
        for name in ("image", "truth", "A: first", "B: second", "differences")
    ]
    assert all(address.startswith("data:image/webp;base64,") for address, _ in page.pictures[:15])
    assert "wrong pixels of first: 14.3%; second: 7.1%" in page.texts
    numbers = json.loads(page.blocks["gallery-numbers"])
    assert numbers["models"] == ["first", "second"]
    assert numbers["images"][1] == {
        "wrong": [0.14286, 0.07143],  # 2 and 1 of 14
        "iou": [[0.83333, 0.5, None], [1.0, 0.75, None]],  # road 10/12 and 10/10; car 2/4 and 3/4
    }
    assert "only A is right" in page.text and "both are wrong" in page.text


def test_the_first_of_three_models_is_compared_with_each_other_one():
    html = gallery_page("Gallery", [], compared(("a", "b", "c"), (A, B, A)))["gallery.html"]
    page = read_page(html)
    assert [alt.split(", ")[1] for _, alt in page.pictures[:7]] == [
        *("image; enlarge", "truth; enlarge", "A: a; enlarge", "b; enlarge", "c; enlarge"),
        *("differences to b; enlarge", "differences to c; enlarge"),
    ]
    assert html.count('data-kind="difference" data-model="2" hidden') == 3


def test_a_page_ends_before_it_has_two_megabytes(monkeypatch):
    monkeypatch.setattr(gallery, "BUDGET", 10)
    page = read_page(gallery_page("Gallery", [], compared())["gallery.html"])
    assert page.headings == ["Images", "three"]  # one is always shown
    assert page.notes and page.notes[0].startswith("These 1 of 3 images are no sample")


def test_large_pictures_are_beside_the_page_exact_and_bounded(monkeypatch):
    """Enlarged 400 times, the scenes are wider than a page's pictures."""
    large = compared(enlarged=400)
    files = gallery_page("Gallery", [], large, "gallery-2.html")
    names = [name for name in files if name.endswith(".webp")]
    assert names[:5] == [
        f"gallery-2/01-{name}.webp"
        for name in ("image", "truth", "model-0", "model-1", "difference-1")
    ]
    page = read_page(files["gallery-2.html"], has_files=True)
    assert len(page.pictures) == len(names) == 15
    scene = large.scene(2)  # the first on the page
    truth = cv2.imdecode(np.frombuffer(files[names[1]], np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.array_equal(truth, paint_hatched(scene.truth, large.colors))
    assert truth.shape[1] > MAX_WIDTH
    monkeypatch.setattr(gallery, "FULL_SIZE_BUDGET", 10)
    few = gallery_page("Gallery", [], large)
    assert [name for name in few if name.endswith(".webp")] == [
        f"gallery/01-{name}.webp"
        for name in ("image", "truth", "model-0", "model-1", "difference-1")
    ]
    assert few["gallery.html"].count("data-full") == 5
    assert [*gallery_page("Gallery", [], compared())] == ["gallery.html"]


def test_text_is_escaped_and_runs_nothing():
    page = read_page(
        gallery_page("<script>1</script>", [], compared(("<b>x", "y")))["gallery.html"]
    )
    assert not page.events
    assert "<b>x" in page.text and IDS[1] in page.headings
    assert len(page.scripts) == 2
