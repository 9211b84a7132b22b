import ast

import pytest

from segexp.core.errors import InputError
from segexp.labels.importers._python_source import assigned, calls_of, literal, parse_source

SOURCE = """\
ROWS = [1, 2]
class Palette:
    ROWS: list = [3]
    other = dict(a=1)
call(dict(b=2), self.dict(c=3))
"""


def test_what_a_name_is_set_to_is_found_at_the_top_and_in_classes() -> None:
    found = assigned(parse_source(SOURCE, "a.py"), "ROWS")
    assert [literal(node, "a.py", "ROWS") for node in found] == [[1, 2], [3]]
    assert assigned(parse_source(SOURCE, "a.py"), "rows") == []


def test_calls_of_a_function_or_method_are_found_in_their_order() -> None:
    found = calls_of(parse_source(SOURCE, "a.py"), "dict")
    assert [call.keywords[0].arg for call in found] == ["a", "b", "c"]


def test_what_is_computed_is_refused_by_its_line_and_not_executed() -> None:
    (node,) = assigned(parse_source("\n\nROWS = open('/etc/passwd')\n", "a.py"), "ROWS")
    with pytest.raises(InputError, match=r"^a\.py:3: ROWS is computed; .* nothing is executed$"):
        literal(node, "a.py", "ROWS")


@pytest.mark.parametrize(
    ("text", "said"),
    [("a = 1\nb = (", r"a\.py:2: not Python"), ("a\0b", r"a\.py:?.*: "), ("(" * 5000, r"a\.py")],
)
def test_what_is_not_python_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_source(text, "a.py")


def test_strange_escapes_of_others_are_no_warning(recwarn: pytest.WarningsRecorder) -> None:
    (node,) = assigned(parse_source(r'PATTERN = "\d"', "a.py"), "PATTERN")
    assert isinstance(node, ast.Constant) and node.value == r"\d"
    assert list(recwarn) == []
