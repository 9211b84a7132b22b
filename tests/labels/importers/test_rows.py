import pytest

from segexp.core.errors import InputError
from segexp.labels.importers._rows import FromRows, Row, label_finder, mapping_from_rows
from segexp.labels.taxonomy import VOID, Label, Taxonomy

TAXONOMY = Taxonomy(
    name="street",
    labels=(
        Label("road", (1, 2, 3)),
        Label("traffic light", (4, 5, 6)),
        Label("sky", (7, 8, 9)),
    ),
    encodings={"default": {0: 0, 1: 1, 2: 2, 255: VOID}},
)


def read(*rows: tuple[str, str | None], **options: bool) -> FromRows:
    made = [Row(f"f:{line}", label, into) for line, (label, into) in enumerate(rows, 1)]
    return mapping_from_rows("f", "m", TAXONOMY, made, **options)


def faults_of(*rows: tuple[str, str | None]) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        read(*rows)
    return caught.value.faults


def test_classes_are_in_the_order_of_the_rows_with_the_colour_of_their_first_label() -> None:
    found = read(("sky", "up"), ("road", "down"), ("traffic light", "up"))
    classes = [(c.name, c.color, c.labels) for c in found.mapping.classes]
    assert classes == [
        ("up", (7, 8, 9), ("sky", "traffic light")),
        ("down", (1, 2, 3), ("road",)),
    ]
    assert found.notes == ()


def test_a_row_that_has_a_colour_gives_it_to_its_class() -> None:
    rows = [
        Row("f:1", "road", "down"),
        Row("f:2", "sky", "up", (90, 90, 90)),
        Row("f:3", "traffic light", "up", (80, 80, 80)),
    ]
    colors = [c.color for c in mapping_from_rows("f", "m", TAXONOMY, rows).mapping.classes]
    assert colors == [(1, 2, 3), (90, 90, 90)]


@pytest.mark.parametrize("spelling", ["Traffic_Light", "TRAFFICLIGHT", "traffic-light", " sky "])
def test_a_label_is_found_by_its_letters(spelling: str) -> None:
    assert label_finder(TAXONOMY)(spelling) in ("traffic light", "sky")
    assert label_finder(TAXONOMY)("trafic light") is None


def test_words_for_nothing_make_void_and_are_noted() -> None:
    found = read(("road", "road"), ("sky", "sky"), ("traffic light", "Ignore"))
    assert found.mapping.void_labels == ("traffic light",)
    assert found.notes == ("taken for void: 'Ignore' (traffic light)",)


def test_labels_that_no_row_names_are_a_fault_or_void_with_a_note() -> None:
    rows = (("road", "road"), ("sky", "sky"))
    assert faults_of(*rows) == (
        "f: does not mention traffic light of street; every label needs a class, or 'void' for "
        "its class",
    )
    found = read(*rows, unlisted_are_void=True)
    assert found.notes == ("in no class of the file, so void: traffic light",)


def test_every_fault_of_the_rows_comes_at_once() -> None:
    faults = faults_of(("road", "a"), ("road", "b"), ("skyy", "c"), ("", "d"), ("sky", "a\x07"))
    text = "\n".join(faults)
    assert "f:2: 'road' falls into 'b', but at f:1 into 'a'; one class only" in text
    assert "f:3: 'skyy' is not a label of street (did you mean 'sky'?)" in text
    assert "f:4: the name of the label is missing" in text
    assert "f:5: class 'a\\x07': has characters that cannot be printed" in text
    assert "does not mention traffic light" in text


def test_one_class_alone_is_no_mapping() -> None:
    (fault,) = faults_of(("road", "a"), ("sky", "a"), ("traffic light", "a"))
    assert fault == "f: 1 class(es) (a: road, sky, traffic light); a mapping needs two or more"
