"""The tables of compared models, from a description written by hand."""

from segexp.compare.page.models_page import LUCK, class_rows, models_page, score_rows
from tests.report.gallery_example import compared
from tests.report.parsed import read_page

NETWORK = {"mapping": "m", "arch": "Unet", "encoder": "resnet18"}
FIRST = NETWORK | {"name": "first", "miou_common": 0.5, "interval": [0.4, 0.6]}
SECOND = NETWORK | {
    "name": "second",
    "miou_common": 0.6254,
    "interval": [0.51, 0.7],
    "delta": 0.1254,
    "delta_interval": [-0.01, 0.2],
    "level": 0.025,
    "per_class": [
        {"class": "road", "a": 0.9, "b": 0.8, "delta": -0.1, "interval": [-0.2, 0.0]},
        {"class": "car", "a": None, "b": None, "delta": None, "interval": [None, None]},
    ],
}
CONTENT = {
    "data": "data: streets",
    "split": "heldout",
    "size": "4x4",
    "images": 4,
    "common_space": ["road", "car"],
    "models": [FIRST, SECOND],
    "caveats": ["Each arm has one run"],
    "warnings": ["second: its tuning saw 2 of these 4 images, which flatter it"],
}


def test_a_model_has_its_score_and_its_difference_to_the_first():
    _, rows = score_rows([FIRST, SECOND])
    assert rows == [
        ["first", "m", "Unet, resnet18", "0.500", "[0.400, 0.600]", "", ""],
        [
            "second",
            "m",
            "Unet, resnet18",
            "0.625",
            "[0.510, 0.700]",
            "+0.125",
            "[-0.010, +0.200] (97.5%)",
        ],
    ]


def test_a_class_has_the_score_of_each_model_and_each_difference():
    header, rows = class_rows([FIRST, SECOND, SECOND | {"name": "third"}])
    assert header == [
        *("IoU", "first"),
        *("second", "difference", "95% interval"),
        *("third", "difference", "95% interval"),
    ]
    assert rows[0] == ["road", "0.900", *["0.800", "-0.100", "[-0.200, 0.000]"] * 2]
    assert rows[1] == ["car", *["-"] * 7]


def test_the_page_says_what_limits_the_answer_before_its_images():
    caveats = [LUCK, *CONTENT["caveats"]]
    page = read_page(models_page(CONTENT | {"caveats": caveats}, compared())["gallery.html"])
    assert page.notes[:2] == [*CONTENT["warnings"], *CONTENT["caveats"]]
    limit = "two trainings of the same settings with other seeds may differ by more"
    assert page.text.count(limit) == 1
    assert page.text.index("[-0.010, +0.200]") < page.text.index(limit) < page.text.index("0.900")
    assert "4 images of the split heldout, at 4x4" in page.text
    assert [row[0] for row in page.rows] == ["model", "first", "second", "IoU", "road", "car"]
    assert len(page.pictures) == 3 * 5
