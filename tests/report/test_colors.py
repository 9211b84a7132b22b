import pytest

from segexp.report.colors import COLORS, GROUNDS, IN_DARK
from segexp.report.confusion_page import _RIGHT, _WRONG, DEEP

ENOUGH = 4.5


def luminance(color):
    """Relative luminance of "#rrggbb" or of red, green and blue, 0 to 255; WCAG 2.2."""
    if isinstance(color, str):
        color = bytes.fromhex(color.removeprefix("#"))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in _shares(color)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _shares(color):
    return [value / 255 for value in color]


def contrast(text, ground):
    darker, lighter = sorted((luminance(text), luminance(ground)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_as_published():
    """Black on white is 21; #767676 is the lightest grey with 4.5 on white, of WebAIM."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_can_be_read_on_its_grounds(scheme):
    found = {
        (text, ground): contrast(COLORS[text][scheme], COLORS[ground][scheme])
        for text, grounds in GROUNDS.items()
        for ground in grounds
    }
    assert {pair: value for pair, value in found.items() if value < ENOUGH} == {}


def test_lines_and_text_of_a_figure_can_be_read_in_dark():
    """Its grid and the shaded band are below text, not beside it."""
    paper = COLORS["paper"][1]
    below = {dark for name, (_, dark) in COLORS.items() if name not in GROUNDS}
    drawn = {dark for dark in IN_DARK.values() if dark.startswith("#")} - below - {"#4a3f1c"}
    hexes = {color for color in drawn if len(color) == 7}
    assert {color for color in hexes if contrast(color, paper) < ENOUGH} == set()


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("color", [_RIGHT, _WRONG])
def test_the_numbers_of_a_confusion_matrix_can_be_read_on_every_cell(scheme, color):
    paper = bytes.fromhex(COLORS["paper"][scheme].removeprefix("#"))
    over = [int(value) for value in color.split(",")]
    for percent in range(101):
        share = percent / 100
        ground = [share * o + (1 - share) * p for o, p in zip(over, paper, strict=True)]
        text = "#ffffff" if share > DEEP else COLORS["cell"][scheme]
        assert contrast(text, ground) >= ENOUGH, percent
