"""A comparison of masks recorded in MLflow, like that of trained arms."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from segexp import tracking
from segexp.compare.ab_note import ab_note
from segexp.compare.answer_tables import answer_tables
from segexp.compare.predictions import MaskStudy
from segexp.compare.run_names import answered_name
from segexp.core.config import TrackingConfig
from segexp.core.credentials import without_credentials
from segexp.core.errors import InputError, WorkError
from segexp.study.recorded_place import ignored_variable
from segexp.tracking import metric_name

SYNC_SECONDS = 10.0
"""How long to wait for a slow tracking server."""


def record_masks(
    project: Path,
    wanted: TrackingConfig,
    study: MaskStudy,
    result: dict[str, Any],
    files: list[Path],
    say: Callable[[str], None],
) -> None:
    """Record an answer in its own run, kind ``ab``; if that fails, say so.

    Args:
        result: The content of ``ab_result.json``.
    """
    try:
        experiment = tracking.open_experiment(project, wanted.uri, wanted.experiment or study.name)
    except (InputError, WorkError) as error:
        say(f"not recorded in MLflow: {error}")
        return
    if line := ignored_variable(experiment):
        say(line)
    tags = {
        "segexp.kind": "ab",
        "segexp.study": study.name,
        "segexp.dataset": study.truth.name,
        "segexp.common_space": study.common.name,
    }
    params = {
        "mode": "predictions",
        "truth": study.truth.where,
        **{f"masks/{metric_name(arm.name)}": arm.runs.directory for arm in study.arms},
        **{f"mapping/{metric_name(arm.name)}": arm.mapping.name for arm in study.arms},
    }
    run = tracking.start_run(experiment, study.name, tags, params)
    for space in {s.name: s for s in (*(a.mapping for a in study.arms), study.common)}.values():
        tracking.log_yaml(run, space.to_dict(), f"mappings/{space.name}.yaml")
    for path in files:
        tracking.log_file(run, path)
    for name, columns in answer_tables(result).items():
        tracking.log_table(run, columns, name)
    metrics: dict[str, float] = {}
    answers = {"segexp.margin": f"{result['margin']:g}"}
    for pair in result["pairs"]:
        name = metric_name(f"{pair['b']}-{pair['a']}")
        answers |= {
            f"segexp.verdict.{name}": pair["verdict"],
            f"segexp.answer.{name}": pair["sentence"],
        }
        if pair["interval"]:
            low, high = pair["interval"]
            metrics |= {f"delta/{name}": pair["delta"], f"low/{name}": low, f"high/{name}": high}
    tracking.log_metrics(run, metrics)
    tracking.set_tags(run, answers)
    tracking.rename_run(run, answered_name(study.name, result))
    tracking.write_note(run, ab_note(result), of_experiment=experiment.name == study.name)
    tracking.end_run(run, "FINISHED")
    if left := tracking.drain(experiment.project, experiment.uri, SYNC_SECONDS):
        say(
            f"{without_credentials(experiment.uri)} does not answer: {left} records wait in "
            ".segexp/spool; `segexp sync` sends them"
        )
