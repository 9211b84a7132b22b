import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import segexp.compare.statistics.verdict
from segexp.compare.statistics.verdict import (
    holm,
    other_rule_caveat,
    rare_class_caveat,
    runs_caveat,
    untouched_sentence,
    verdict,
    verdict_sentence,
)
from segexp.evaluation.statistics.bootstrap import Estimate


def make_estimate(value: float, low: float, high: float, images=1e-5, runs=1e-6) -> Estimate:
    return Estimate(value, low, high, 0.5, images, runs)


def say(gap: float, value: float, low: float, high: float, margin: float = 0.01) -> str:
    return verdict_sentence("fine", "coarse", gap, make_estimate(value, low, high), margin)


def test_the_examples_in_the_docstrings_are_true():
    assert doctest.testmod(segexp.compare.statistics.verdict).attempted > 0
    assert doctest.testmod(segexp.compare.statistics.verdict).failed == 0


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.01, 0.03, "better"),
        (-0.03, -0.01, "worse"),
        (-0.009, 0.009, "equivalent"),
        (0.0, 0.0, "equivalent"),
        (0.001, 0.009, "equivalent"),  # above 0, but too little to matter
        (0.001, 0.011, "better"),
        (-0.011, -0.001, "worse"),
        (-0.001, 0.02, "not enough evidence"),
        (-0.02, 0.02, "not enough evidence"),
        (0.0, 0.01, "not enough evidence"),  # it touches both limits
        (-0.01, 0.0, "not enough evidence"),
        (np.nan, np.nan, "not enough evidence"),
    ],
)
def test_the_verdict_against_a_margin_of_a_hundredth(low, high, expected):
    assert verdict(low, high, margin=0.01) == expected


def test_holm_equals_the_example_worked_by_hand():
    # 0.005 x 4 = 0.02, 0.01 x 3 = 0.03, 0.03 x 2 = 0.06, 0.04 x 1 = 0.04 -> raised to 0.06.
    adjusted = holm(np.array([0.01, 0.04, 0.03, 0.005]))
    np.testing.assert_allclose(adjusted, [0.03, 0.06, 0.06, 0.02], rtol=1e-12)


def test_holm_counts_no_test_without_a_p_value_and_stays_at_most_one():
    adjusted = holm(np.array([np.nan, 0.7, 0.02, np.nan, 0.6]))
    np.testing.assert_allclose(adjusted, [np.nan, 1.0, 0.06, np.nan, 1.0], rtol=1e-12)
    assert holm(np.array([])).shape == (0,)
    assert np.isnan(holm(np.array([np.nan]))).all()


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12), st.floats(0.001, 0.999))
@settings(max_examples=100, deadline=None)
def test_holm_rejects_what_the_sequential_procedure_rejects(p_values, alpha):
    rejected = set()
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[place] * (len(p_values) - rank) > alpha:
            break
        rejected.add(place)
    assert set(np.flatnonzero(holm(np.array(p_values)) <= alpha)) == rejected


def test_a_gain_that_is_nearly_all_ruler():
    training = make_estimate(0.004, -0.006, 0.0094)
    assert verdict_sentence("cityscapes19", "merged10", 0.121, training, margin=0.01) == (
        "Of the 0.121 that merged10 gains over cityscapes19 in mIoU, 0.117 is the ruler and "
        "0.004 [-0.006, 0.009] is the model: equivalent within a margin of 0.01."
    )


def test_a_gain_to_which_the_model_adds():
    assert say(0.121, 0.034, 0.02, 0.048) == (
        "Of the 0.121 that coarse gains over fine in mIoU, 0.087 is the ruler and "
        "0.034 [0.020, 0.048] is the model: better."
    )


def test_a_gain_of_which_the_model_may_have_none():
    assert say(0.121, 0.004, -0.006, 0.013) == (
        "Of the 0.121 that coarse gains over fine in mIoU, 0.117 is the ruler and "
        "0.004 [-0.006, 0.013] is the model: not enough evidence to tell."
    )


def test_a_loss_names_both_parts_as_losses_and_the_difference_with_its_sign():
    assert say(-0.1, -0.03, -0.041, -0.02) == (
        "Of the 0.100 that coarse loses to fine in mIoU, 0.070 is the ruler and "
        "0.030 is the model (delta -0.030 [-0.041, -0.020]): worse."
    )


def test_a_gain_by_the_ruler_that_hides_a_loss_of_the_model():
    assert say(0.121, -0.019, -0.03, -0.0081) == (
        "coarse scores 0.121 higher than fine in mIoU, each by its own ruler, but the ruler gives "
        "+0.140 and the model -0.019 [-0.030, -0.008]: worse."
    )


def test_a_loss_by_the_ruler_that_hides_a_gain_of_the_model():
    assert say(-0.05, 0.02, 0.012, 0.03) == (
        "coarse scores 0.050 lower than fine in mIoU, each by its own ruler, but the ruler gives "
        "-0.070 and the model +0.020 [0.012, 0.030]: better."
    )


def test_a_gain_of_the_model_that_the_ruler_lessens():
    assert say(0.01, 0.03, 0.02, 0.04) == (
        "coarse scores 0.010 higher than fine in mIoU, each by its own ruler, but the ruler gives "
        "-0.020 and the model +0.030 [0.020, 0.040]: better."
    )


def test_ruler_and_model_that_cancel_out():
    assert say(0.0002, -0.02, -0.03, -0.011) == (
        "coarse and fine have the same mIoU, each by its own ruler, but the ruler gives +0.020 "
        "and the model -0.020 [-0.030, -0.011]: worse."
    )


def test_no_gap_and_no_difference():
    assert say(0.0, 0.0, 0.0, 0.0) == (
        "coarse and fine have the same mIoU, each by its own ruler, and the model gives "
        "0.000 [0.000, 0.000]: equivalent within a margin of 0.01."
    )


def test_a_gap_without_any_ruler_effect():
    assert say(0.02, 0.02, -0.001, 0.041) == (
        "Of the 0.020 that coarse gains over fine in mIoU, 0.000 is the ruler and "
        "0.020 [-0.001, 0.041] is the model: not enough evidence to tell."
    )


def test_two_recipes_for_one_mapping_have_no_ruler_between_them():
    def said(value: float, low: float, high: float) -> str:
        training = Estimate(value, low, high, 0.3, 1e-5, 1e-6)
        return verdict_sentence("plain", "recipe", value, training, 0.01, one_ruler=True)

    assert said(-0.012, -0.031, 0.005) == (
        "recipe scores 0.012 lower than plain in mIoU, -0.012 [-0.031, 0.005]: not enough "
        "evidence to tell."
    )
    assert said(0.03, 0.02, 0.04).startswith("recipe scores 0.030 higher than plain in mIoU, +0.03")
    assert said(0.0, -0.002, 0.002) == (
        "recipe and plain have the same mIoU, 0.000 [-0.002, 0.002]: equivalent within a margin "
        "of 0.01."
    )


def test_an_interval_of_every_possible_difference_is_unknown_in_the_sentence_too():
    assert say(0.4, 0.3, -1.0, 1.0) == (
        "Of the 0.400 that coarse gains over fine in mIoU, 0.100 is the ruler and 0.300 "
        "[interval unknown] is the model: not enough evidence to tell."
    )


def test_a_loss_that_is_all_ruler_has_no_minus_before_zero():
    assert say(-0.02, -0.0001, -0.0052, 0.005) == (
        "Of the 0.020 that coarse loses to fine in mIoU, 0.020 is the ruler and "
        "0.000 is the model (delta 0.000 [-0.005, 0.005]): equivalent within a margin of 0.01."
    )


def test_the_shown_numbers_add_up_although_each_alone_would_round_differently():
    # 0.1166 would round to 0.117, and 0.117 + 0.005 is not 0.121.
    assert "0.121 that coarse gains over fine in mIoU, 0.116 is the ruler and 0.005 [" in say(
        0.1214, 0.0048, -0.02, 0.03
    )


@pytest.mark.parametrize(
    ("low", "high", "margin", "shown"),
    [
        (0.0002, 0.0104, 0.01, "[0.0002, 0.0104] is the model: better."),
        (-0.0004, 0.0099, 0.01, "[-0.0004, 0.0099] is the model: equivalent within"),
        (-0.0003, 0.0004, 0.0005, "[-0.00030, 0.00040] is the model: equivalent within"),
    ],
)
def test_an_interval_near_a_limit_is_shown_with_as_many_decimals_as_the_verdict_needs(
    low, high, margin, shown
):
    assert shown in say(0.1, (low + high) / 2, low, high, margin)


def test_the_caveat_of_the_other_rule_reads_as_a_sentence():
    assert other_rule_caveat(make_estimate(0.0121, 0.003, 0.021), 0.01) == (
        "By the argmax rule the verdict is better (delta +0.012 [0.003, 0.021])."
    )
    assert other_rule_caveat(make_estimate(-0.0001, -0.003, 0.0032), 0.02) == (
        "By the argmax rule the verdict is equivalent within a margin of 0.02 "
        "(delta 0.000 [-0.003, 0.003])."
    )
    assert other_rule_caveat(make_estimate(-0.02, -0.05, 0.01), 0.01) == (
        "By the argmax rule the verdict is not enough evidence to tell "
        "(delta -0.020 [-0.050, 0.010])."
    )


@pytest.mark.parametrize(
    ("holding", "expected"),
    [
        ([5, 9, 100], None),
        ([9, 2, 9], "train occurs in only 2 held-out images: its difference has no interval."),
        ([9, 1, 9], "train occurs in only 1 held-out image: its difference has no interval."),
        (
            [9, 0, 4],
            "train occurs in no held-out image and bus in 4: their differences have no interval.",
        ),
        (
            [3, 4, 0],
            "road occurs in only 3 held-out images, train in 4 and bus in none: "
            "their differences have no interval.",
        ),
    ],
)
def test_classes_in_fewer_than_five_images_are_listed_in_one_sentence(holding, expected):
    assert rare_class_caveat(["road", "train", "bus"], np.array(holding)) == expected


def test_images_of_sequences_are_counted_by_sequence():
    assert rare_class_caveat(["road", "train"], np.array([9, 3]), "sequence") == (
        "train occurs in only 3 held-out sequences: its difference has no interval."
    )
    assert rare_class_caveat(["road", "train"], np.array([9, 1]), "city") == (
        "train occurs in only 1 held-out city: its difference has no interval."
    )


def test_it_is_said_where_the_runs_make_most_of_the_uncertainty():
    assert runs_caveat(make_estimate(0, -1, 1, images=1e-6, runs=9e-6), "seeds") == (
        "90% of the variance of the difference comes from the seeds, not the images."
    )
    assert runs_caveat(make_estimate(0, -1, 1, images=3e-6, runs=7e-6), "seeds") is None
    assert runs_caveat(make_estimate(0, 0, 0, images=0.0, runs=0.0), "seeds") is None


def test_the_sentence_begins_with_what_it_is_about_and_leaves_the_names_of_arms_alone():
    about = "On six configurations that tuning found good in either arm"
    found = make_estimate(0.034, 0.02, 0.048)
    assert verdict_sentence("fine", "Coarse", 0.121, found, 0.01, about).startswith(
        f"{about}, of the 0.121 that Coarse gains over fine in mIoU, "
    )
    assert verdict_sentence("fine", "Coarse", 0.01, found, 0.01, about).startswith(
        f"{about}, Coarse scores 0.010 higher than fine in mIoU, "
    )


def test_the_sentence_of_the_untouched_classes_has_a_verdict_where_all_classes_have_one():
    found = make_estimate(0.012, 0.003, 0.021)
    assert untouched_sentence(["road", "sky"], found, 0.01, None, settled=True) == (
        "The 2 classes that no arm merges: +0.012 [0.003, 0.021] in mIoU: better."
    )
    assert untouched_sentence(["road", "sky"], found, 0.01, None, settled=False) == (
        "The 2 classes that no arm merges: +0.012 [0.003, 0.021] in mIoU; not judged on its own, "
        "since there is no verdict over all classes."
    )
    about = "On six configurations that tuning found good in either arm"
    assert untouched_sentence(["road"], found, 0.01, about, settled=True) == (
        f"{about}, the class that no arm merges (road): +0.012 [0.003, 0.021] in IoU: better."
    )


def test_untouched_classes_of_too_few_images_have_no_interval():
    few = Estimate(0.012, *[float("nan")] * 5)
    assert untouched_sentence(["road", "sky"], few, 0.01, None, settled=True) == (
        "The 2 classes that no arm merges: +0.012 in mIoU, on too few images for an interval."
    )
