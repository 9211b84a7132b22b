import doctest

import segexp.compare.statistics.confidence


def test_the_examples_in_the_docstrings_are_true():
    results = doctest.testmod(segexp.compare.statistics.confidence)
    assert results.attempted > 0
    assert results.failed == 0
