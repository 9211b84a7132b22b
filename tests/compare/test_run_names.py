"""What the run of an A/B study is called once there is an answer."""

import pytest

from segexp.compare.run_names import answered_name


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("better", "b10 better than a19"),
        ("worse", "b10 worse than a19"),
        ("equivalent", "b10 equivalent to a19"),
        ("not enough evidence", "b10 or a19, not enough evidence"),
    ],
)
def test_it_is_called_by_its_verdict(verdict: str, said: str) -> None:
    pair = {"a": "a19", "b": "b10", "verdict": verdict}
    assert answered_name("founding", {"pairs": [pair]}) == f"founding: {said}"


def test_every_pair_has_its_part() -> None:
    pairs = [{"a": "a", "b": b, "verdict": "better"} for b in "bc"]
    assert answered_name("x", {"pairs": pairs}) == "x: b better than a; c better than a"
