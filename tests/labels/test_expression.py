"""Mapping expressions: the classes of A, and a loss that is also taken in B."""

from pathlib import Path

import pytest

from segexp.core.errors import InputError
from segexp.labels.expression import with_coarser
from segexp.labels.files import find_mapping
from segexp.labels.mapping import common_space
from tests.labels.test_mapping import make_mapping

FINE = make_mapping("fine", {"x": "a", "y": "b", "z": "cd"})


def test_an_expression_predicts_the_classes_before_the_plus(project: Path) -> None:
    found = find_mapping(project, "cityscapes19+merged10+categories7")
    fine = find_mapping(project, "cityscapes19")
    assert found.name == "cityscapes19+merged10+categories7"
    assert [m.name for m in found.also] == ["merged10", "categories7"]
    assert found.space == fine
    assert found.names == fine.names
    assert found.lookup().tolist() == fine.lookup().tolist()
    assert found.to_dict() == {**fine.to_dict(), "also": ["merged10", "categories7"]}


def test_what_stands_after_the_plus_is_part_of_the_meaning_but_not_of_the_space(
    project: Path,
) -> None:
    fine, with_one, with_two = (
        find_mapping(project, f"cityscapes19{rest}")
        for rest in ("", "+merged10", "+merged10+categories7")
    )
    assert len({fine.hash, with_one.hash, with_two.hash}) == 3
    assert common_space([fine, with_one, with_two]) == fine


def test_a_file_whose_name_has_a_plus_is_found_as_before(project: Path) -> None:
    file = project / "mappings" / "merged10.yaml"
    text = file.read_text(encoding="utf-8").replace("name: merged10", "name: a+b", 1)
    (project / "mappings" / "a+b.yaml").write_text(text, encoding="utf-8")
    assert find_mapping(project, "a+b").also == ()


def test_only_mappings_that_merge_whole_classes_stand_after_a_plus() -> None:
    apart = make_mapping("apart", {"p": "abc", "q": "d"})
    unseen = make_mapping("unseen", {"x": "a", "y": "b"})
    with pytest.raises(InputError) as caught:
        with_coarser(FINE, FINE, apart)
    (fault,) = caught.value.faults
    assert fault.startswith("mapping fine+fine+apart: scores of fine cannot be given in apart: z ")
    assert fault.endswith("merges classes of fine: `segexp mapping list` shows which coarsen it")
    with pytest.raises(InputError, match="it scores c, d, which unseen leaves void"):
        with_coarser(unseen, FINE)


def test_a_class_that_is_void_in_part_has_no_coarse_class() -> None:
    part = make_mapping("part", {"p": "abc"})  # d is void, and FINE's z is c and d
    with pytest.raises(InputError, match="z of fine has labels that part scores and labels that"):
        with_coarser(FINE, part)
    whole = make_mapping("whole", {"p": "a", "q": "cd"})
    assert with_coarser(FINE, whole).also == (whole,)


def test_every_unknown_part_is_named(project: Path) -> None:
    with pytest.raises(InputError) as caught:
        find_mapping(project, "cityscapes9+merged1")
    assert [fault.split(" in ")[0] for fault in caught.value.faults] == [
        "no mapping 'cityscapes9'",
        "no mapping 'merged1'",
    ]
