from segexp.compare.page.ab_page import ab_page
from tests.compare.page.ab_page_example import MATCHED, TWO
from tests.report.parsed import read_page


def test_the_method_says_what_was_drawn_and_how_often():
    text = read_page(ab_page(TWO, [])).text
    assert "10,000 resamples" in text
    assert "240 images of the test split" in text
    assert "docs/method.md" in text
    result = MATCHED | {"heldout_from": "val", "clusters": {"kind": "block", "count": 10}}
    text = read_page(ab_page(result, [])).text
    assert "blocks of consecutive images are drawn" in text
    assert "the half of the val split" in text
    assert "the same configuration and seed" in text
    text = read_page(ab_page(TWO | {"heldout_of": "camvid"}, [])).text
    assert "240 images of camvid, another data set, which tuning never saw" in text
