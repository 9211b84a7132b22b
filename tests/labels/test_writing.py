from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harness.project import ROOT
from segexp.core.yaml import parse_yaml
from segexp.labels.files import load_mapping, parse_mapping
from segexp.labels.mapping import MappedClass, Mapping
from segexp.labels.taxonomy import VOID, Label, Taxonomy, load_taxonomy
from segexp.labels.writing import mapping_yaml, taxonomy_yaml, yaml_word

MAPPINGS = ROOT / "mappings"
SHIPPED = sorted(MAPPINGS.glob("*.yaml"))
TAXONOMIES = sorted((MAPPINGS / "taxonomies").glob("*.yaml"))


def mapping_of(*names: str) -> Mapping:
    """A mapping whose labels and classes have these names."""
    labels = tuple(Label(name, (i, 0, 0)) for i, name in enumerate(names))
    ids = dict(enumerate(range(len(names)))) | {-1: VOID}
    classes = tuple(MappedClass(name, (0, 0, i), (name,)) for i, name in enumerate(names))
    return Mapping("odd", Taxonomy("words", labels, {"default": ids}), classes)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_file_is_what_the_writer_makes_of_it(path):
    text = path.read_text(encoding="utf-8")
    comment = "\n".join(line[2:] for line in text.splitlines() if line.startswith("# "))
    assert mapping_yaml(load_mapping(path), comment) == text


def test_the_file_of_a_mapping_with_odd_words(tmp_path):
    mapping = mapping_of("no", "traffic light", "a, b", "3", "5: 6", "void-like")
    (tmp_path / "taxonomies").mkdir()
    (tmp_path / "taxonomies" / "words.yaml").write_text(yaml.safe_dump(mapping.taxonomy.to_dict()))
    (tmp_path / "odd.yaml").write_text(mapping_yaml(mapping, "made by a test\nof two lines"))
    assert (tmp_path / "odd.yaml").read_text().splitlines()[:7] == [
        "# made by a test",
        "# of two lines",
        "name: odd",
        "taxonomy: words",
        "classes:",
        '  - {name: "no",          color: [0, 0, 0], labels: ["no"]}',
        "  - {name: traffic light, color: [0, 0, 1], labels: [traffic light]}",
    ]
    assert load_mapping(tmp_path / "odd.yaml") == mapping


@given(
    st.lists(
        st.text(min_size=1, max_size=99).filter(lambda name: name.strip() and name.isprintable()),
        min_size=2,
        max_size=4,
        unique=True,
    )
)
def test_any_names_come_back(names):
    mapping = mapping_of(*(f"{name}." for name in names))
    content = parse_yaml(mapping_yaml(mapping, names[0]), "text")
    assert parse_mapping("text", content, mapping.taxonomy) == (mapping, [])


@given(st.text(st.characters(categories=("L", "M", "N", "P", "S", "Z", "Cf", "Cn", "Co"))))
def test_a_word_means_the_same_to_readers_of_both_yaml_versions(text):
    written = f"[{yaml_word(text)}]"
    assert parse_yaml(written, "text") == [text]
    assert yaml.safe_load(written) == [text]


@pytest.mark.parametrize("word", ["road", "traffic light", "sky+terrain", "tree-like", "Straße"])
def test_an_ordinary_word_is_not_quoted(word):
    assert yaml_word(word) == word


@pytest.mark.parametrize(
    "word", ["no", "12", "1e-3", "null", "~", "", " a", "a: b", "a #b", "a, b", "2020-01-01", "[x]"]
)
def test_a_word_that_yaml_would_take_for_something_else_is_quoted(word):
    assert yaml_word(word) == f'"{word}"'


@pytest.mark.parametrize("path", TAXONOMIES, ids=lambda path: path.stem)
def test_a_shipped_taxonomy_comes_back(path, tmp_path):
    taxonomy = load_taxonomy(path)
    again = tmp_path / path.name
    again.write_text(taxonomy_yaml(taxonomy, "a comment"), encoding="utf-8")
    assert load_taxonomy(again) == taxonomy
    # Rows are aligned as a person aligns them.
    rows = [line for line in path.read_text().splitlines() if line.startswith("  - {name:")]
    assert [line for line in again.read_text().splitlines() if line in rows] == rows


def test_a_taxonomy_with_odd_words_comes_back(tmp_path):
    taxonomy = mapping_of("no", "a: b", "5").taxonomy
    encodings = {**taxonomy.encodings, "no": {7: 0, 8: 1, 9: 2}}
    odd = replace(taxonomy, encodings=encodings, void_color=(1, 2, 3))
    path = tmp_path / "words.yaml"
    path.write_text(taxonomy_yaml(odd), encoding="utf-8")
    assert load_taxonomy(path) == odd
