"""The trials of a study as CSV."""

import csv
import io
from dataclasses import replace

import optuna

from segexp.report.results_csv import columns_csv, results_csv
from segexp.study.view import view_study
from tests.report.study_example import make_study


def test_a_row_a_trial_with_its_params_scores_and_run():
    view = view_study(make_study(5))
    rows = list(csv.DictReader(io.StringIO(results_csv(view))))
    assert [row["trial"] for row in rows] == list("01234")
    first = rows[0]
    assert first["state"] == "complete"
    assert float(first["val/miou_common"]) == 0.5  # 0.6 - 0.1, as the example has it
    assert float(first["val/miou"]) == 0.6
    assert float(first["heldout/miou_common"]) == 0.48
    assert (first["arch"], first["learning_rate"], first["seconds"]) == ("Unet", "0.001", "12.5")
    assert first["run_id"] == "run0"
    assert list(first)[-4:] == ["best_epoch", "epochs", "seconds", "run_id"]
    pruned, failed = rows[3], rows[4]
    assert (pruned["state"], pruned["val/miou"], pruned["epochs"]) == ("pruned", "", "2")
    assert failed["state"] == "failed"
    assert {row["arch"] for row in rows} <= {"Unet", "FPN", "null"}


def test_each_column_is_there_once():
    header = results_csv(view_study(make_study(5))).splitlines()[0].split(",")
    assert len(set(header)) == len(header)
    assert header[2] == "val/miou_common"


def test_a_study_without_trials_is_a_header():
    text = results_csv(view_study(optuna.create_study(direction="maximize")))
    assert text == "trial,state,val/miou_common,best_epoch,epochs,seconds,run_id\n"


def test_columns_are_written_beside_each_other_and_what_is_missing_is_empty():
    assert columns_csv({"a": [1, None], "b": ["x,y", 0.5]}) == 'a,b\n1,"x,y"\n,0.5\n'


def test_the_precision_of_each_trial_is_there_where_hosts_differed():
    view = view_study(make_study(3))
    rows = [
        replace(row, precision=p) for row, p in zip(view.rows, ("bf16", "fp32", ""), strict=True)
    ]
    mixed = results_csv(replace(view, rows=rows)).splitlines()
    assert mixed[0].endswith(",run_id,precision")
    assert [line.rpartition(",")[2] for line in mixed[1:]] == ["bf16", "fp32", ""]
    alike = [replace(row, precision="bf16") for row in view.rows]
    assert results_csv(replace(view, rows=alike)) == results_csv(view)
