import json
import math
from dataclasses import replace

import pytest

from harness.results import made_scores
from segexp.evaluation.result import TrialResult, none_if_nan, result_from_dict

TABLE = {
    "class": ["road", "sky", "pole"],
    "iou": [0.5, None, 0.0],
    "pixels": [10, 0, 0],
    "images": [1, 0, 0],
}
SCORES = made_scores(
    1 / 3, 0.4, TABLE, by_argmax=0.3, accuracy=0.7, in_mean=(1, 2), predicted_only=1
)
RESULT = TrialResult(
    value=0.4,
    best_epoch=2,
    seconds=1.5,
    val=SCORES,
    heldout=made_scores(0.25, 0.4, TABLE),
    bundle=".segexp/studies/default/trial-0001/bundle",
)


@pytest.mark.parametrize("result", [RESULT, replace(RESULT, heldout=None, bundle=None)])
def test_a_result_survives_json(result: TrialResult):
    text = json.dumps(result.to_dict(), allow_nan=False)
    assert result_from_dict(json.loads(text)) == result


def test_the_numbers_are_the_scores_without_the_tables():
    assert SCORES.numbers() == {
        "miou": 1 / 3,
        "classes_in_mean": 1,
        "classes_predicted_only": 1,
        "pixel_accuracy": 0.7,
        "miou_common": 0.4,
        "classes_in_mean_common": 2,
        "classes_predicted_only_common": 1,
        "miou_common_argmax": 0.3,
    }


def test_a_metric_that_a_result_was_written_without_is_nan():
    """As every result of yesterday is once there is another metric."""
    assert math.isnan(SCORES.of("pixel_accuracy", "common"))
    assert math.isnan(SCORES.of("a_metric_of_tomorrow"))
    assert SCORES.has("miou", "common") and not SCORES.has("pixel_accuracy", "common")


def test_an_undefined_score_is_none_in_json():
    assert none_if_nan(math.nan) is None
    assert none_if_nan(0.25) == 0.25
    assert none_if_nan(0.0) == 0.0


def test_where_tuning_and_final_scores_differ_in_size_a_note_says_it():
    sizes = {"val": "32x64", "heldout": "the masks' own size"}
    assert replace(RESULT, sizes=sizes).size_note == (
        "tuning scores are at 32x64, held-out scores at the masks' own size"
    )
    assert replace(RESULT, sizes={"val": "32x64", "heldout": "32x64"}).size_note is None
    assert replace(RESULT, sizes=sizes, heldout=None).size_note is None
    assert RESULT.size_note is None  # an older result does not know them
    read = result_from_dict(json.loads(json.dumps(replace(RESULT, sizes=sizes).to_dict())))
    assert read.sizes == sizes
    older = {k: v for k, v in RESULT.to_dict().items() if k != "sizes"}
    assert result_from_dict(older) == RESULT
