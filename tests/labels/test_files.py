from pathlib import Path

import pytest
import yaml

from harness.project import ROOT
from segexp.core.errors import MAX_LISTED, InputError
from segexp.labels.files import (
    find_mapping,
    find_mappings,
    load_mapping,
    parse_mapping,
    read_mappings,
)
from segexp.labels.taxonomy import Taxonomy, parse_taxonomy

SHIPPED = sorted((ROOT / "mappings").glob("*.yaml"))

TAXONOMY = {
    "name": "street",
    "labels": [
        {"name": "road", "id": 0, "color": [128, 64, 128]},
        {"name": "sky", "id": 1, "color": [70, 130, 180]},
        {"name": "bicycle", "id": 2, "color": [119, 11, 32]},
    ],
    "void": [-1],
}


def good() -> dict:
    """The content of a mapping file without faults."""
    return {
        "name": "two",
        "taxonomy": "street",
        "classes": [
            {"name": "flat", "color": [1, 2, 3], "labels": ["road"]},
            {"name": "other", "color": [4, 5, 6], "labels": ["sky"]},
        ],
        "void": ["bicycle"],
    }


@pytest.fixture
def street() -> Taxonomy:
    taxonomy, faults = parse_taxonomy("street", TAXONOMY)
    assert faults == []
    return taxonomy


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A project directory with one taxonomy and one mapping."""
    (tmp_path / "mappings" / "taxonomies").mkdir(parents=True)
    write(tmp_path / "mappings" / "taxonomies" / "street.yaml", TAXONOMY)
    write(tmp_path / "mappings" / "two.yaml", good())
    return tmp_path


def write(path: Path, content: object) -> None:
    path.write_text(yaml.safe_dump(content), encoding="utf-8")


def faults_of_file(home: Path, content: dict) -> tuple[str, ...]:
    """Faults of a mapping file, without its path."""
    path = home / "mappings" / "two.yaml"
    write(path, content)
    with pytest.raises(InputError) as caught:
        load_mapping(path)
    assert all(fault.startswith(f"{path}: ") for fault in caught.value.faults)
    return tuple(fault.removeprefix(f"{path}: ") for fault in caught.value.faults)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_mapping_loads_and_its_classes_have_distinct_colours(path):
    mapping = load_mapping(path)
    assert mapping.name == path.stem
    assert len(set(map(tuple, mapping.colors.tolist()))) == len(mapping.classes)
    assert len(set(mapping.names)) == len(mapping.classes)
    again, faults = parse_mapping("again", mapping.to_dict(), mapping.taxonomy)
    assert faults == []
    assert again == mapping


def test_the_shipped_mappings_are_those_that_the_project_promises():
    assert {path.stem for path in SHIPPED} >= {
        *("cityscapes19", "merged10", "merged10_background", "merged10_two_wheeler"),
        *("categories7", "camvid11", "camvid_merged6"),
    }


def test_a_mapping_file_is_read(home):
    mapping = load_mapping(home / "mappings" / "two.yaml")
    assert mapping.names == ("flat", "other")
    assert mapping.colors.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert mapping.void_labels == ("bicycle",)
    assert mapping.to_dict() == good()


def test_void_may_be_left_out_where_nothing_is_void(street):
    content = good() | {"classes": [*good()["classes"]]}
    content["classes"][1] = {"name": "other", "color": [4, 5, 6], "labels": ["sky", "bicycle"]}
    del content["void"]
    mapping, faults = parse_mapping("m", content, street)
    assert faults == []
    assert mapping.void_labels == ()


def test_a_class_called_no_is_a_class(home):
    path = home / "mappings" / "words.yaml"
    path.write_text(
        "name: words\ntaxonomy: street\nclasses:\n"
        "  - {name: no, color: [0, 0, 1], labels: [road]}\n"
        "  - {name: yes, color: [0, 0, 2], labels: [sky, bicycle, void]}\n"
    )
    mapping = load_mapping(path)
    assert mapping.names == ("no", "yes")
    assert mapping.lookup()[255] == 1


def test_every_fault_of_a_file_is_listed_at_once(home):
    content = {
        "name": "three",
        "taxonomy": "street",
        "void": ["bycicle"],
        "voids": [],
        "classes": [
            {"name": "flat", "color": [1, 2, 300], "labels": ["road"]},
            {"name": "flat", "color": [4, 5, 6], "labels": ["road", "sky"]},
            {"name": "none", "color": [7, 8, 9], "labels": []},
            {"name": False, "color": [7, 8, 9], "labels": [1, 2]},
            {"name": "short"},
        ],
    }
    assert faults_of_file(home, content) == (
        "voids: unknown key (did you mean 'void'?); known are name, taxonomy, to, classes, void",
        "classes[0]: color: [1, 2, 300]; expected [r, g, b] with whole numbers from 0 to 255",
        "classes[1]: name: 'flat' appears twice",
        "classes[2] (none): labels: a class needs at least one label",
        "classes[3]: name: False; must be a word other than 'void'",
        "classes[3]: labels: [1, 2]; expected names, not numbers",
        "classes[4]: {'name': 'short'}; expected {name: ..., color: [r, g, b], labels: [...]}",
        "'road' is listed 2 times; once only",
        "'bycicle' is not a label of street (did you mean 'bicycle'?)",
        "name: 'three'; must be the file's own name, 'two'",
    )


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"classes": None}, "classes: expected a list of two or more classes"),
        ({"classes": good()["classes"][:1]}, "classes: expected a list of two or more classes"),
        ({"void": "bicycle"}, "void: 'bicycle'; expected a list of label names"),
        ({"void": ["bicycle", "sky"]}, "'sky' is listed 2 times; once only"),
        ({"void": []}, "'bicycle' of street is in no class; put it in one or under `void`"),
        (
            {"taxonomy": "stret"},
            "taxonomy: 'stret' is not in {home}/mappings/taxonomies (did you mean 'street'?); "
            "there are street",
        ),
        (
            {"taxonomy": "../../street"},
            "taxonomy: '../../street' is not in {home}/mappings/taxonomies (did you mean "
            "'street'?); there are street",
        ),
    ],
)
def test_a_fault_says_where_what_and_what_would_be_right(home, changes, fault):
    assert faults_of_file(home, good() | changes)[0] == fault.format(home=home)


@pytest.mark.parametrize("name", [None, 5, "a" * 70, "../street", "", ["street"]])
def test_a_taxonomy_that_is_no_name_of_a_file_is_a_fault(home, name):
    (fault,) = faults_of_file(home, good() | {"taxonomy": name})
    assert fault.startswith(f"taxonomy: {name!r} is not in ")


@pytest.mark.parametrize("name", ["void", "", " ", 3, None])
def test_a_class_must_be_named_by_a_word_other_than_void(home, name):
    content = good()
    content["classes"][0]["name"] = name
    assert faults_of_file(home, content) == (
        f"classes[0]: name: {name!r}; must be a word other than 'void'",
    )


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("a\nY", r"'a\nY': has characters that cannot be printed"),
        ("a\u202eb", r"'a\u202eb': has characters that cannot be printed"),
        ("\u202e" * 101, rf"'{chr(92)}u202e"),
        ("a" * 101, f"'{'a' * 40}...': longer than 100 characters"),
    ],
)
def test_a_name_that_no_terminal_should_show_is_refused(home, name, fault):
    content = good()
    content["classes"][0] |= {"name": name, "labels": [3]}
    first, second = faults_of_file(home, content)
    assert first.startswith(f"classes[0]: name: {fault}")
    assert second == "classes[0]: labels: [3]; expected names, not numbers"
    assert first.isprintable()


def test_all_that_can_be_known_without_the_taxonomy_is_listed(home):
    content = {"name": "two", "taxonomy": "nosuch", "classes": [], "void": 3}
    taxonomy, *others = faults_of_file(home, content)
    assert taxonomy.startswith("taxonomy: 'nosuch' is not in ")
    assert others == [
        "classes: expected a list of two or more classes",
        "void: 3; expected a list of label names",
    ]


def test_the_faults_of_a_single_class_are_listed_beside_that_it_is_one(home):
    rows = [{"name": "all", "color": [0, 0, -1], "labels": ["road", "sky"]}]
    assert faults_of_file(home, good() | {"classes": rows}) == (
        "classes: expected a list of two or more classes",
        "classes[0]: color: [0, 0, -1]; expected [r, g, b] with whole numbers from 0 to 255",
    )


def test_a_malformed_class_has_no_follow_on_faults(home):
    content = good()
    content["classes"][0] = {"name": "flat"}
    (fault,) = faults_of_file(home, content)
    assert fault.startswith("classes[0]: {'name': 'flat'}; expected {name: ...")


def test_labels_that_are_in_no_class_are_one_fault(home):
    content = good() | {"void": []}
    content["classes"][0]["labels"] = ["void"]
    assert faults_of_file(home, content) == (
        "'road', 'bicycle' of street are in no class; put each in one or under `void`",
    )


def test_labels_that_are_no_list_are_one_fault(home):
    content = good()
    content["classes"][0]["labels"] = "road"
    assert faults_of_file(home, content) == (
        "classes[0] (flat): labels: 'road'; expected a list of label names",
    )


def test_faults_of_the_taxonomy_are_its_own(home):
    write(home / "mappings" / "taxonomies" / "street.yaml", TAXONOMY | {"void": [0]})
    with pytest.raises(InputError) as caught:
        load_mapping(home / "mappings" / "two.yaml")
    assert caught.value.faults == (
        f"{home}/mappings/taxonomies/street.yaml: void[0]: the raw id 0 is already taken",
    )


def test_a_mapping_is_found_by_its_name(home):
    assert find_mapping(home, "two").name == "two"
    for name in ("tow", "../mappings/two", "two\0", "taxonomies/street"):
        with pytest.raises(InputError) as caught:
            find_mapping(home, name)
        assert caught.value.faults[0].startswith(f"no mapping {name!r} in {home / 'mappings'}")
        assert caught.value.faults[0].endswith("there are two")
    with pytest.raises(InputError, match=r"\(did you mean 'two'\?\)"):
        find_mapping(home, "tow")


def test_a_project_without_mappings_says_so(tmp_path):
    with pytest.raises(InputError, match="there are none"):
        find_mapping(tmp_path, "two")


def test_faults_of_several_mappings_come_at_once(home):
    write(home / "mappings" / "bad.yaml", good() | {"name": "bad", "void": []})
    with pytest.raises(InputError) as caught:
        find_mappings(home, ["absent", "two", "bad"])
    first, second = caught.value.faults
    assert first.startswith("no mapping 'absent'")
    assert second.endswith("put it in one or under `void`")
    assert [m.name for m in find_mappings(home, ["two", "two"])] == ["two", "two"]


def test_reading_all_mappings_keeps_the_broken_ones_apart_with_their_faults(home: Path):
    (home / "mappings" / "broken.yaml").write_text("name: other\nclasses: [\n")
    write(home / "mappings" / "another.yaml", good() | {"name": "another"})
    files = read_mappings(home)
    assert [m.name for m in files.mappings] == ["another", "two"]
    ((path, faults),) = files.broken.items()
    assert path == home / "mappings" / "broken.yaml"
    assert faults[0].startswith(str(path))
    assert read_mappings(home / "mappings").mappings == ()


def test_of_thousands_of_unknown_labels_the_first_are_told(home):
    content = good()
    content["void"] = [f"label{i}" for i in range(4000)]
    faults = faults_of_file(home, content)
    unknown = [fault for fault in faults if "is not a label of" in fault]
    assert len(unknown) == MAX_LISTED
    assert f"and {4000 - MAX_LISTED} more like these" in faults


def test_thousands_of_classes_are_one_fault(home):
    content = good() | {"classes": [{"name": f"c{i}"} for i in range(3000)]}
    assert faults_of_file(home, content) == ("classes: 3000; at most 255 fit into 8 bits",)


@pytest.mark.parametrize("name", ["CON", "a b", "..", "-x", "x" * 101, "ä"])
def test_a_mapping_is_called_as_a_file_may_be(home, name):
    path = home / "mappings" / f"{name}.yaml"
    write(path, good() | {"name": name})
    with pytest.raises(InputError, match=r": name 'CON': is a device|: use 1 to 100 letters"):
        load_mapping(path)


def test_a_name_that_no_file_can_have_is_refused():
    with pytest.raises(InputError, match="no mapping"):
        find_mapping(ROOT, "é" * 200)  # 400 bytes
