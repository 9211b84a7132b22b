import pytest

from segexp.data.shard import WHOLE, Shard


@pytest.mark.parametrize(
    ("items", "parts"),
    [
        ("abcdef", ["ab", "cd", "ef"]),
        ("abcde", ["a", "bc", "de"]),
        ("ab", ["", "a", "b"]),
        ("", ["", "", ""]),
    ],
)
def test_the_parts_are_all_items_in_order_and_as_even_as_can_be(items: str, parts: list[str]):
    assert [Shard(place, 3).of(items) for place in range(3)] == parts
    assert WHOLE.of(items) == items
