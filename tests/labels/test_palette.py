from segexp.labels.colors import confusable
from segexp.labels.palette import distinct_colors


def test_nobody_takes_one_of_34_colours_for_another_or_for_black_or_white():
    assert confusable([(0, 0, 0), (255, 255, 255), *distinct_colors(34)], threshold=5.0) == []


def test_as_many_colours_as_a_taxonomy_may_have_labels_are_all_different():
    assert len({(0, 0, 0), (255, 255, 255), *distinct_colors(255)}) == 257


def test_a_shorter_list_is_the_beginning_of_a_longer_one():
    assert distinct_colors(0) == ()
    assert distinct_colors(3) == distinct_colors(9)[:3]
