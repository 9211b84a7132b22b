import pytest

from tests.labels.importers.foreign import by_class, faults_of, imported, write

EXPECTED = {"ground": ("road",), "above": ("sky",)}


@pytest.mark.parametrize(
    "text",
    [
        "road,ground\nsky,above\ntraffic light,void\n",
        "label,class\nroad,ground\nsky,above\ntraffic light,\n",
        "Name, Category\nroad , ground\n\nsky, above\ntraffic light, ignore\n",
        '"road";"ground"\r\nsky;above\r\nTraffic_Light;void\r\n',
        "\ufeffroad,ground\nsky,above\ntraffic light,void",
        "city-3\tcity-2\nroad\tground\nsky\tabove\ntraffic light\tunlabeled",
        "label,class\nego vehicle,void\nroad,ground\nsky,above\ntraffic light,void\n",
    ],
)
def test_two_columns_with_or_without_a_header(tmp_path, text):
    for name in ("a.csv", "a.tsv", "a.txt"):
        found = imported(write(tmp_path / name, text))
        assert found.format == "csv"
        assert by_class(found) == EXPECTED
        assert found.mapping.void_labels == ("traffic light",)


def test_the_unlabelled_pixels_can_be_given_a_class(tmp_path):
    text = "road,ground\nsky,above\ntraffic light,background\nvoid,background\n"
    found = imported(write(tmp_path / "a.csv", text))
    assert by_class(found)["background"] == ("traffic light", "void")


def test_every_wrong_name_comes_with_its_line_and_what_is_meant(tmp_path):
    text = "raod,ground\nsky,above\ntrafic light,above\nsky,ground\nsky,\x1b[31m\n"
    assert faults_of(write(tmp_path / "a.csv", text)) == [
        r"FILE:5: class '\x1b[31m': has characters that cannot be printed",
        "FILE:1: 'raod' is not a label of street (did you mean 'road'?)",
        "FILE:3: 'trafic light' is not a label of street (did you mean 'traffic light'?)",
        "FILE:4: 'sky' falls into 'ground', but at FILE:2 into 'above'; one class only",
        "FILE:5: 'sky' falls into '\\x1b[31m', but at FILE:2 into 'above'; one class only",
        "FILE: does not mention road, traffic light of street; every label needs a class, or "
        "'void' for its class",
    ]


def test_rows_of_another_width_are_faults(tmp_path):
    text = "road,ground\nsky\nsky,above,more\n"
    assert faults_of(write(tmp_path / "a.csv", text)) == [
        "FILE:2: 'sky': 1 column(s); expected two, a label and its class",
        "FILE:3: 'sky, above, more': 3 column(s); expected two, a label and its class",
    ]


def test_one_class_is_no_mapping(tmp_path):
    path = write(tmp_path / "a.csv", "road,all\nsky,all\ntraffic light,all\n")
    assert faults_of(path) == [
        "FILE: 1 class(es) (all: road, sky, traffic light); a mapping needs two or more"
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "FILE: is empty: download or copy it again"),
        ('road,"ground\nsky', "FILE:2: not a table: unexpected end of data"),
        ("road,ground\n" * 4097, "FILE:4097: more than 4096 rows"),
        ("x" * 131_073, "FILE:1: not a table: field larger than field limit (131072)"),
    ],
)
def test_a_text_that_is_no_table_is_refused(tmp_path, text, fault):
    assert faults_of(write(tmp_path / "a.csv", text)) == [fault]


def test_a_long_name_is_refused_and_not_printed_whole(tmp_path):
    text = f"road,{'x' * 101}\nsky,above\ntraffic light,void\n"
    (fault,) = faults_of(write(tmp_path / "a.csv", text))
    assert fault.endswith("longer than 100 characters")
    assert len(fault) < 130
