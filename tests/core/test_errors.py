import pytest

from segexp.core.errors import (
    SHOWN_CHARACTERS,
    InputError,
    Interrupted,
    WorkError,
    collected,
    did_you_mean,
    shown,
)


def test_an_input_error_keeps_every_fault_in_order():
    error = InputError(["a: one", "b: two"])
    assert error.faults == ("a: one", "b: two")
    assert str(error) == "a: one\nb: two"


def test_a_single_fault_is_one_fault_and_not_its_letters():
    assert InputError("a: one").faults == ("a: one",)


def test_an_interruption_passes_through_handlers_of_ordinary_exceptions():
    with pytest.raises(Interrupted) as caught:
        try:
            raise Interrupted(15)
        except Exception:  # what is under test: it must not be caught here
            pytest.fail("caught as an ordinary exception")
    assert caught.value.signal_number == 15


def test_faults_of_several_blocks_are_collected_and_other_failures_are_not():
    faults = ["first"]
    with collected(faults):
        raise InputError(["second", "third"])
    with collected(faults):
        pass
    with pytest.raises(WorkError), collected(faults):
        raise WorkError("no fault of the input")
    assert faults == ["first", "second", "third"]


@pytest.mark.parametrize(
    ("word", "known", "expected"),
    [
        ("bicyle", ["bicycle", "motorcycle"], " (did you mean 'bicycle'?)"),
        ("UNET", ["Unet", "FPN"], " (did you mean 'Unet'?)"),
        ("zebra", ["road", "sky"], ""),
        ("road", [], ""),
        ("", ["road"], ""),
    ],
)
def test_the_nearest_known_word_is_offered_and_a_far_one_is_not(word, known, expected):
    assert did_you_mean(word, known) == expected


def test_a_value_is_quoted_without_a_password_that_the_cut_would_leave_half() -> None:
    quoted = shown(f"http://ann:{'secret' * 20}@host")
    assert quoted == "'http://host'"
    assert len(shown("x" * 10_000_000)) == SHOWN_CHARACTERS + 3
