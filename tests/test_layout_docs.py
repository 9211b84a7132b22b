"""docs/layouts.md is what the commands in it say."""

import pytest

from harness.layout_docs import PAGE, TREES, written_page


@pytest.mark.slow
def test_each_tree_of_the_page_becomes_a_project_and_the_page_is_in_step() -> None:
    assert len(TREES) >= 25
    assert PAGE.read_text(encoding="utf-8") == written_page()
