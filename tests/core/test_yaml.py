import math
import os

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from segexp.core.errors import InputError
from segexp.core.yaml import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_INT,
    MIN_INT,
    parse_yaml,
    read_yaml_mapping,
)


def faults_of(text: str) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        parse_yaml(text, "x.yaml")
    return caught.value.faults


@pytest.mark.parametrize("word", ["no", "No", "NO", "yes", "on", "off", "y", "n", "Off"])
def test_words_that_yaml_1_1_takes_for_booleans_stay_words(word):
    assert parse_yaml(f"name: {word}", "x") == {"name": word}
    assert parse_yaml(f"{word}: name", "x") == {word: "name"}


# The examples of YAML 1.2.2, chapter 10.3, and what PyYAML reads otherwise.
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("TRUE", True),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-19", -19),
        ("+3", 3),
        ("010", 10),
        ("08", 8),
        ("0o7", 7),
        ("0x3A", 58),
        ("0.", 0.0),
        ("-0.0", 0.0),
        (".5", 0.5),
        ("+12e03", 12000.0),
        ("-2E+05", -200000.0),
        ("1e-3", 0.001),
        ("3e-4", 0.0003),
        (".inf", math.inf),
        ("-.Inf", -math.inf),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("2001-12-14", "2001-12-14"),
        ("1e", "1e"),
        ("=", "="),
        ("inf", "inf"),
        ("'1'", "1"),
    ],
)
def test_plain_words_mean_what_yaml_1_2_says(text, value):
    parsed = parse_yaml(text, "x")
    assert parsed == value
    assert type(parsed) is type(value)


def test_nan_is_a_number():
    assert math.isnan(parse_yaml(".nan", "x"))


@settings(deadline=None)
@given(st.floats(allow_nan=False))
def test_every_float_that_python_writes_is_read_back(value):
    assert parse_yaml(repr(value).replace("inf", ".inf"), "x") == value


@settings(deadline=None)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(MIN_INT, MAX_INT)
        | st.floats(allow_nan=False)
        | st.just("no"),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=4), inner)
        ),
        max_leaves=8,
    )
)
def test_what_pyyaml_writes_is_read_back(value):
    assert parse_yaml(yaml.safe_dump(value), "x") == value


def test_a_key_twice_is_refused_with_its_line_and_column():
    assert faults_of("a: 1\nb: 2\na: 3") == ("x.yaml:3:1: the key 'a' appears twice",)


@pytest.mark.parametrize("text", ["{a: 1, 'a': 2}", "{1: a, 0x1: b}", "s:\n  k: 1\n  k: 1"])
def test_a_key_twice_is_seen_in_other_spellings_and_inside(text):
    assert "appears twice" in faults_of(text)[0]


def test_a_merge_key_merges_nothing():
    assert parse_yaml("<<: {a: 1}", "x") == {"<<": {"a": 1}}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: &x 1", "1:4"),
        ("a: 1\nb: *x", "2:4"),
        ("a: &x [1]\nb: *x", "1:4"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n", "1:4"),
        ("&x a: 1", "1:1"),
        ("*x : 1", "1:1"),
        ("- &a [*a]", "1:3"),
    ],
)
def test_anchors_and_aliases_are_refused_where_they_stand(text, place):
    assert faults_of(text) == (f"x.yaml:{place}: anchors and aliases are not allowed",)


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['true']",
        "a: !!python/name:os.system",
        "a: !!bool maybe",
        "a: !!timestamp never",
        "a: !!binary aGk=",
        "a: !own 1",
        "!!set {a}",
    ],
)
def test_tags_are_refused(text):
    (fault,) = faults_of(text)
    assert fault.startswith("x.yaml:1:")
    assert fault.endswith("are not allowed")


def test_depth_has_a_limit():
    deepest = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert parse_yaml(deepest, "x")
    assert faults_of(f"[{deepest}]") == (f"x.yaml:1:21: nested deeper than {MAX_DEPTH} levels",)


@pytest.mark.parametrize("opening", ["[", "{", "- ", "? ", "{a: "])
def test_thousands_of_levels_are_a_fault_and_no_recursion_error(opening):
    text = opening * (MAX_BYTES // len(opening))
    assert "nested deeper" in faults_of(text)[0]


def test_text_over_the_size_limit_is_refused():
    assert parse_yaml("#" * MAX_BYTES, "x") is None
    assert "65537 bytes; at most 65536" in faults_of("#" * (MAX_BYTES + 1))[0]
    assert "65538 bytes; at most 65536" in faults_of("#" + "€" * 21845 + "##")[0]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: [1", "x.yaml:1:6: "),
        ("a: 'x\n", "x.yaml:2:1: "),
        ("a: b: c", "x.yaml:1:5: "),
        ("a:\n\t- b", "x.yaml:2:1: "),
        ("a: 1\n---\nb: 2", "x.yaml:2:1: expected a single document"),
        ("[1]: 2", "x.yaml:1:1: a key must be a plain word"),
        ("a: 1\nb: \0", "x.yaml:2:4: the character '\\x00' is not allowed"),
        ("\x1b: 1", "x.yaml:1:1: the character '\\x1b' is not allowed"),
        ("a: 1\n\ud800", "x.yaml:2:1: the character '\\ud800' is not allowed"),
        ('a: "\\e[2J"', "x.yaml:1:4: the character '\\x1b' is not allowed"),
        ('"\\0": 1', "x.yaml:1:1: the character '\\x00' is not allowed"),
        ('a: "\\ud800"', "x.yaml:1:4: the character '\\ud800' is not allowed"),
        ('a: "\\UFFFFFFFF"', "x.yaml:1:7: not YAML: "),
        ('a: "\\U00110000"', "x.yaml:1:7: not YAML: "),
        ("a: 1e400", "x.yaml:1:4: the number '1e400' is too large"),
        ("a: -1e400", "x.yaml:1:4: the number '-1e400' is too large"),
        (f"a: {2**64}", f"x.yaml:1:4: the number '{2**64}' is over 64 bits"),
        (f"a: {-(2**63) - 1}", f"x.yaml:1:4: the number '{-(2**63) - 1}' is over 64 bits"),
        ("a: " + "9" * 5000, f"x.yaml:1:4: the number '{'9' * 79}... is over 64 bits"),
        ("a: 0x" + "f" * 60_000, "x.yaml:1:4: the number '0xfff"),
    ],
)
def test_a_syntax_error_is_one_line_with_its_place(text, place):
    (fault,) = faults_of(text)
    assert fault.startswith(place)
    assert "\n" not in fault


@settings(deadline=None)
@given(st.text(alphabet="ab:-[]{}&*!|>'\"%@`#,? \n\t01.e~\\", max_size=40))
def test_any_text_is_a_value_or_an_input_error(text):
    try:
        parse_yaml(text, "x.yaml")
    except InputError as error:
        assert len(error.faults) == 1


def test_a_file_is_read(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes("\ufeffname: Straße # with a byte order mark\r\n".encode())
    assert read_yaml_mapping(path) == {"name": "Straße"}


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is empty; expected `key: value` lines"),
        (b"# nothing\n", "is empty; expected `key: value` lines"),
        (b"- a\n- b\n", "holds a list; expected `key: value` lines"),
        (b"hello", "holds a str; expected `key: value` lines"),
        (b"a: \xff\xfe", "not UTF-8 text (byte 3)"),
        (b"#" * (MAX_BYTES + 1), "65537 bytes; at most 65536 are read"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_its_path(tmp_path, content, fault):
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_yaml_mapping(path)
    assert caught.value.faults == (f"{path}: {fault}",)


@pytest.mark.parametrize("kind", ["device", "pipe"])
def test_anything_but_a_file_is_not_waited_for(tmp_path, kind):
    path = tmp_path / "x.yaml"
    if kind == "device":
        path.symlink_to("/dev/zero")
    else:
        os.mkfifo(path)
    with pytest.raises(InputError, match="is not a file"):
        read_yaml_mapping(path)


def test_a_key_twice_that_fills_the_file_is_quoted_in_part():
    (fault,) = faults_of(f"{'k' * 1000}: 1\n{'k' * 1000}: 2")
    assert fault == f"x.yaml:2:1: the key '{'k' * 79}... appears twice"


def test_a_file_that_is_not_there_or_a_folder_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_yaml_mapping(tmp_path / "absent.yaml")
    with pytest.raises(InputError, match="is not a file"):
        read_yaml_mapping(tmp_path)
