import base64

from segexp.compare.page.ab_page import ab_page
from segexp.compare.page.image_sections import images_section
from segexp.compare.page.view import AbView
from segexp.report.page import paragraph
from tests.compare.page.ab_page_example import SCENES, TWO
from tests.report.parsed import read_page


def test_the_images_are_sorted_and_say_what_they_show(page):
    captions = [text for text in page.texts if "(cityscapes19 0.400, merged10" in text]
    assert captions == [
        "three: +0.300 (cityscapes19 0.400, merged10 0.700)",
        "one: +0.010 (cityscapes19 0.400, merged10 0.410)",
        "four: -0.050 (cityscapes19 0.400, merged10 0.350)",
        "two: -0.200 (cityscapes19 0.400, merged10 0.200)",
    ]
    address, alt = page.pictures[0]
    assert base64.b64decode(address.split(",")[1]) == b"\x89PNG"
    assert alt.startswith("three: image, ground truth, the predictions of cityscapes19, merged10")
    gains = page.headings.index("Where merged10 scores higher than cityscapes19")
    assert page.headings[gains + 1] == "Where merged10 scores lower than cityscapes19"
    assert any("These 4 of 240 images are the extremes" in note for note in page.notes)
    assert ("href", "gallery.html") in page.links
    assert ("href", "trials.html") in page.links


def test_images_are_not_called_extremes_if_all_are_shown():
    page = read_page(ab_page(TWO | {"images": 4}, SCENES))
    assert not any("extremes" in note for note in page.notes)


def test_without_images_no_gallery_is_named():
    page = read_page(ab_page(TWO, []))
    assert ("href", "gallery.html") not in page.links
    assert ("href", "trials.html") in page.links


def test_arms_of_masks_have_no_trials():
    of_masks = AbView(TWO | {"mode": "predictions"}, TWO["arms"], TWO["pairs"], [])
    (section,) = images_section(of_masks)
    assert section.parts == [paragraph("No images were kept.")]
