import json
import math
from dataclasses import replace

import pytest

from segexp.evaluation.result import SplitScores, TrialResult, none_if_nan, result_from_dict

TABLE = {
    "class": ["road", "sky", "pole"],
    "iou": [0.5, None, 0.0],
    "pixels": [10, 0, 0],
    "images": [1, 0, 0],
}
SCORES = SplitScores(
    miou=1 / 3,
    classes_in_mean=1,
    pixel_accuracy=0.7,
    miou_common=0.4,
    miou_common_argmax=0.3,
    classes_in_mean_common=2,
    table=TABLE,
    table_common=TABLE,
)
RESULT = TrialResult(
    value=0.4,
    best_epoch=2,
    seconds=1.5,
    val=SCORES,
    heldout=replace(SCORES, miou=0.25),
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
        "miou_common_argmax": 0.3,
        "classes_in_mean_common": 2,
        "classes_predicted_only_common": 1,
    }


def test_an_undefined_score_is_none_in_json():
    assert none_if_nan(math.nan) is None
    assert none_if_nan(0.25) == 0.25
    assert none_if_nan(0.0) == 0.0
