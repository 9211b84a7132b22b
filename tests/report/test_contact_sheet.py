"""Images beside their masks, and where each label is."""

import io

import numpy as np
from PIL import Image

from harness.trees import camvid_like, opened
from segexp.report.contact_sheet import PANE, contact_sheet, label_picture, write_pictures

COLORS = np.array([(255, 0, 0), (0, 0, 255)], np.uint8)


def decoded(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def test_each_image_is_beside_its_mask_in_the_labels_colours():
    image = np.full((120, 160, 3), 90, np.uint8)
    labels = np.zeros((120, 160), np.uint8)
    labels[60:] = 1
    sheet = decoded(contact_sheet([("x", image, labels)], COLORS, ["sky", "road"], "two labels"))
    grey = (sheet == 90).all(axis=-1).sum()
    red, blue = ((sheet == color).all(axis=-1).sum() for color in COLORS)
    assert grey >= PANE[0] * PANE[1]  # the image fills its pane
    half = PANE[0] * PANE[1] // 2
    assert half <= red < half + 1000  # and its swatch in the legend
    assert half <= blue < half + 1000


def test_the_pixels_of_a_label_are_marked_on_the_grey_image():
    image = np.random.default_rng(0).integers(0, 255, (6, 8, 3), np.uint8)
    labels = np.zeros((6, 8), np.uint8)
    labels[2, 3:5] = 1
    picture = decoded(label_picture(image, labels, 1))
    marked = (picture != picture[..., :1]).any(axis=-1)
    assert marked.sum() == 2
    assert marked[2, 3:5].all()


def test_a_data_set_has_a_sheet_and_a_picture_of_each_label_that_occurs(tmp_path):
    source = opened(camvid_like(tmp_path / "data", train=2, val=1))
    written = write_pictures(tmp_path, source, each_label=True)
    assert written == [tmp_path / "contact-sheet.png", tmp_path / "labels"]
    drawn = {path.stem for path in (tmp_path / "labels").iterdir()}
    assert drawn == {source.taxonomy.names[i] for i in range(8)}  # raw ids 0 to 7 in six rows
    again = write_pictures(tmp_path / "b", source, each_label=False)
    assert again == [tmp_path / "b" / "contact-sheet.png"]


def test_pairs_that_cannot_be_read_are_left_out(tmp_path):
    source = opened(camvid_like(tmp_path / "data", train=1, val=1))
    for path in (tmp_path / "data").rglob("*.png"):
        path.write_bytes(b"")
    assert write_pictures(tmp_path, source, each_label=False) == []
