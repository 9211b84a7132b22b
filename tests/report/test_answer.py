"""The top of a study's page: the answer, and counts that add up."""

import json
from dataclasses import replace
from typing import Any

import optuna
import pytest

from segexp.evaluation.result import TrialResult, result_from_dict
from segexp.report.answer import (
    answer_text,
    counts_text,
    interval_text,
    opening,
    setup_text,
)
from segexp.report.trials import StudyView, TrialRow
from tests.report.study_example import scores


def row(number: int, state: str, before: int | None = None, **more: Any) -> TrialRow:
    made = {"value": None, "curve": (), "seconds": 1.0, "params": {}, "result": None}
    made |= {"failure": "", "run_id": "", "rank": (), **more}
    return TrialRow(number, state, before=before, **made)


def view(best: TrialRow | None, baseline: TrialRow | None, **definition: Any) -> StudyView:
    rows = [each for each in (baseline, best) if each is not None]
    study = optuna.create_study(direction="maximize")
    return StudyView(study, "val/miou_common", definition, {}, rows, best, baseline)


def scored(number: int, tuning: float, heldout: float | None, **params: Any) -> TrialRow:
    of_heldout = None if heldout is None else scores(heldout)
    result = TrialResult(tuning, 1, 2.0, scores(tuning), of_heldout)
    return row(number, "complete", value=tuning, result=result, params=params)


def test_trials_that_were_stopped_and_resumed_count_once_and_the_counts_add_up():
    # 52 in Optuna: 13 complete, 37 pruned for good, and two of these 50 resumed one of two others.
    rows = [row(n, "complete") for n in range(12)] + [row(n, "pruned") for n in range(12, 48)]
    rows += [row(48, "promoted"), row(49, "promoted")]
    rows += [row(50, "complete", before=48), row(51, "pruned", before=49)]
    assert counts_text(rows) == "50 trials: 13 complete, 37 pruned, 2 of these promoted"


def test_a_trial_that_was_promoted_twice_and_interrupted_between_counts_once():
    rows = [
        row(0, "promoted"),
        row(1, "interrupted", before=0),
        row(2, "promoted", before=1),
        row(3, "running", before=2),
        row(4, "failed"),
    ]
    expected = "2 trials: 1 failed, 1 running, 1 of these promoted"
    assert counts_text(rows) == f"{expected}; 1 interrupted, which do not count"


def test_no_trial_is_no_trial():
    assert counts_text([]) == "0 trials"


@pytest.mark.parametrize(
    ("best", "baseline", "said"),
    [
        ((0.5, 0.4), (0.4, 0.4004), "best 0.400 held-out, 0.000 over the baseline"),
        ((0.5, 0.478), (0.4, 0.314), "best 0.478 held-out, +0.164 over the baseline"),
        ((0.5, 0.3), (0.4, 0.314), "best 0.300 held-out, -0.014 against the baseline"),
        ((0.5, 0.478), (0.4, None), "best 0.478 held-out"),
        ((0.5, None), (0.4, None), "best 0.500 on the tuning images, +0.100 over the baseline"),
        ((0.5, 0.478), None, "best 0.478 held-out"),
    ],
)
def test_the_answer_is_the_heldout_score_and_what_it_gains(best, baseline, said):
    found = view(scored(1, *best), scored(0, *baseline) if baseline else None)
    assert answer_text(found) == said


def test_how_far_other_images_would_move_the_score_is_said_where_it_is_known():
    unknown = scored(1, 0.5, 0.478)
    assert interval_text(unknown) == ""
    known = replace(unknown, result=replace(unknown.result, heldout_interval=(0.4518, 0.5032)))
    assert interval_text(known) == (
        "On other images like the held-out ones this model would score 0.452 to 0.503 (95% "
        "interval); another seed may differ more."
    )
    assert interval_text(known) in "".join(opening(view(known, None)))
    again = result_from_dict(json.loads(json.dumps(known.result.to_dict())))
    assert again.interval_note == known.result.interval_note


def test_a_baseline_that_is_best_is_said_to_be_unbeaten():
    first = scored(0, 0.5, 0.4)
    assert answer_text(view(first, first)) == (
        "best 0.400 held-out: the baseline, which no trial beat"
    )
    running = replace(view(first, first), is_live=True)
    assert answer_text(running).endswith("which no trial beat yet")


def test_what_is_not_searched_is_known_from_the_definition():
    best = scored(7, 0.5, 0.4, arch="Unet")
    fixed = {"model.encoder": "resnet18", "mappings.merged10": {}}
    assert setup_text(view(best, None, **fixed), best) == (
        "Trial 7: mapping merged10, Unet with resnet18."
    )
    assert setup_text(view(best, None), best) == "Trial 7: Unet."


def test_the_size_of_the_images_is_written_as_elsewhere():
    (_, about) = opening(view(None, None, **{"data.image_size": "[96, 128]"}))
    assert "Images at 96x128." in about
    cropped = {"data.image_size": "[96, 128]", "data.resize": "none"}
    (_, about) = opening(view(None, None, **cropped))
    assert "Images resized by none, 96x128 seen at once." in about


def test_hosts_that_differed_in_precision_are_counted():
    best, baseline = row(1, "complete", precision="fp32"), row(0, "pruned", precision="bf16")
    mixed = view(best, baseline)
    assert "Hosts of mixed precision: 1 trial in bf16 and 1 trial in fp32." in str(
        opening(mixed)[-1]
    )
    for precision in ("bf16", ""):
        alike = view(replace(best, precision=precision), baseline)
        assert "precision" not in str(opening(alike)[-1])
