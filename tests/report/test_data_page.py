import copy
import io

import numpy as np
import pytest
from PIL import Image

from harness.project import ROOT
from segexp.data.cache import open_dataset
from segexp.data.layout import SyntheticCounts, open_source
from segexp.data.stats import dataset_stats
from segexp.labels.files import load_mapping
from segexp.report.contact_sheet import split_sheets
from segexp.report.data_page import data_page
from tests.report.parsed import plotly_count, read_page

MAPPINGS = ROOT / "mappings"


def row(name, color, pixels, share, images):
    return {"name": name, "color": color, "pixels": pixels, "share": share, "images": images}


STATS = {
    "dataset": "tiny",
    "format": "folder",
    "hash": "abc123",
    "taxonomy": "three",
    "image_size": [2, 100],
    "own_sizes": [[180, 240, 7], [90, 120, 1]],
    "sizes": [[2, 100, 8]],
    "heldout_from": "val",
    "heldout_by": "sequence",
    "mean": [0.1, 0.2, 0.3],
    "std": [0.4, 0.5, 0.6],
    "splits": {
        "train": {
            "images": 4,
            "pixels": 800,
            "void_pixels": 100,
            "labels": [
                row("road", [128, 64, 128], 699, 699 / 700, 4),
                row("<b>sign", [220, 220, 0], 1, 1 / 700, 1),
                row("tram", [0, 80, 100], 0, 0.0, 0),
                row("horse", [1, 2, 3], 0, 0.0, 0),
            ],
        },
        "val": {
            "images": 2,
            "pixels": 400,
            "void_pixels": 0,
            "labels": [
                row("road", [128, 64, 128], 390, 0.975, 2),
                row("<b>sign", [220, 220, 0], 0, 0.0, 0),
                row("tram", [0, 80, 100], 10, 0.025, 1),
                row("horse", [1, 2, 3], 0, 0.0, 0),
            ],
        },
        "heldout": {
            "images": 2,
            "pixels": 400,
            "void_pixels": 0,
            "labels": [
                row("road", [128, 64, 128], 398, 0.995, 2),
                row("<b>sign", [220, 220, 0], 2, 0.005, 1),
                row("tram", [0, 80, 100], 0, 0.0, 0),
                row("horse", [1, 2, 3], 0, 0.0, 0),
            ],
        },
    },
    "mappings": {
        "one": {
            "train": {"void_pixels": 101, "classes": [row("ground", [9, 9, 9], 699, 1.0, 4)]},
            "val": {"void_pixels": 10, "classes": [row("ground", [9, 9, 9], 390, 1.0, 2)]},
            "heldout": {"void_pixels": 2, "classes": [row("ground", [9, 9, 9], 398, 1.0, 2)]},
        }
    },
}


@pytest.fixture(scope="module")
def page():
    return read_page(data_page(STATS))


def test_plotly_is_embedded_once(page):
    assert plotly_count(page) == 1
    assert len(page.traces()) == 2  # the labels, and one mapping


def test_the_page_starts_with_what_the_data_is(page):
    assert "Data set tiny" in page.text
    assert page.row("format")[1] == "folder"
    assert page.row("images' own size, height x width")[1] == "180 x 240 (7), 90 x 120 (1)"
    assert page.row("size used for training and for these counts")[1] == "2 x 100"
    assert page.row("mean of R, G, B over train, 0 to 1")[1] == "0.1000, 0.2000, 0.3000"
    assert page.row("standard deviation")[1] == "0.4000, 0.5000, 0.6000"


def test_splits_are_listed_with_images_and_void(page):
    assert page.row("train") == ["train", "for training", "4", "800", "100", "12.5%"]
    assert "half of the val split" in page.row("held-out")[1]


def test_every_label_has_exact_counts_and_percentages(page):
    assert page.row("<b>sign")[1:] == [
        *("1", "0.143%", "1", "25.0%"),
        *("0", "0.000%", "0", "0.0%"),
        *("2", "0.500%", "1", "50.0%"),
    ]
    assert page.row("ground")[1:5] == ["699", "100.000%", "4", "100.0%"]


def test_void_is_shown_as_a_share_of_all_pixels(page):
    labels, classes = (row for row in page.rows if row[0] == "void, of all pixels")
    assert labels[1:3] == ["100", "12.500%"]
    assert classes[1:3] == ["101", "12.625%"]
    assert classes[5:7] == ["10", "2.500%"]


def test_labels_that_are_missing_somewhere_are_called_out(page):
    assert page.notes == [
        "Labels in no split: horse (neither learned nor scored).",
        "Labels in val or held-out but not in train: tram (scored, but never learned).",
        "Labels in train but not in val: <b>sign (tuning cannot tell how well they are learned).",
    ]


def test_what_looks_wrong_is_the_first_thing_and_samples_are_the_first_section():
    page = read_page(data_page(STATS, ["two images look the same"], [("train: 1 of 4", b"PNG")]))
    assert page.notes[:2] == ["Two images look the same", "Labels in no split: horse (neither "
                              "learned nor scored)."]  # fmt: skip
    texts = [text.strip() for text in page.texts if text.strip()]
    assert texts.index(page.notes[-1]) < texts.index("images")  # the caption of the first card
    assert page.headings[:2] == ["Sample images", "Splits"]
    ((_, alt),) = page.pictures
    assert alt == "Images and their masks, train: 1 of 4"


def test_bars_have_the_labels_own_colours_on_a_log_axis(page):
    figure = page.traces()[0]
    bars = next(t for t in figure if t["type"] == "bar" and t.get("orientation") == "h")
    colors = dict(zip(bars["y"], bars["marker"]["color"], strict=True))
    shares = dict(zip(bars["y"], bars["x"], strict=True))
    assert colors["road"] == "rgb(128,64,128)"
    assert colors["&lt;b&gt;sign"] == "rgb(220,220,0)"
    assert shares["road"] == pytest.approx(100 * 699 / 700)
    assert shares["horse"] is None
    assert page.figures()[0][1]["xaxis"]["type"] == "log"


def test_an_empty_split_divides_by_nothing():
    stats = copy.deepcopy(STATS)
    for split in stats["splits"].values():
        split.update(images=0, pixels=0, void_pixels=0)
        for label in split["labels"]:
            label.update(pixels=0, share=0.0, images=0)
    page = read_page(data_page(stats))
    assert page.row("road")[1:5] == ["0", "0.000%", "0", "-"]


def test_the_counts_of_a_real_data_set_come_through(tmp_path):
    mappings = [load_mapping(MAPPINGS / f"{name}.yaml") for name in ("cityscapes19", "merged10")]
    counts = SyntheticCounts(train=3, val=2, test=2, size=(32, 64))
    source = open_source("synthetic", None, mappings[0].taxonomy, counts)
    dataset = open_dataset(source, (32, 64), tmp_path)
    stats = dataset_stats(dataset, mappings)
    sheets = split_sheets(dataset)
    assert [title for title, _ in sheets] == [
        "train: 2 of 3 images",
        "val: 2 of 2 images",
        "held-out: 2 of 2 images",
    ]
    sheet = np.asarray(Image.open(io.BytesIO(sheets[0][1])))
    assert 2 * 160 < sheet.shape[0] < 2 * 240  # images of 32x64: two rows of 160 pixels, and text
    page = read_page(data_page(stats, samples=sheets))
    assert len(page.pictures) == 3
    assert page.row("format")[1] == "synthetic"
    assert ["3", f"{3 * 32 * 64:,}"] in [row[2:4] for row in page.rows if row[0] == "train"]
    road = stats["splits"]["train"]["labels"][0]
    rows = [row for row in page.rows if row[0] == "road"]
    assert len(rows) == 3  # the label, and the class of both mappings
    assert rows[0][1] == rows[1][1] == f"{road['pixels']:,}"
    merged = stats["mappings"]["merged10"]["train"]["classes"][0]
    assert rows[2][1] == f"{merged['pixels']:,}"
    assert {"Mapping cityscapes19", "Mapping merged10"} < set(page.headings)
