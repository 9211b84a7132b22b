"""The page of an A/B study that shows what the trials of each arm predicted."""

from pathlib import Path

import optuna
from optuna.storages import BaseStorage

from segexp.evaluation.metrics import OBJECTIVE, metric_of, title_of
from segexp.report.trial_gallery import trial_gallery
from segexp.study.family import named_parts
from segexp.study.trial_pictures import read_trials

_FINAL = "The answer counts those that are called final; the others are of the arms' searches."


def arms_trials_page(
    project: Path, uri: str | None, storage: BaseStorage, study: optuna.Study
) -> str:
    """Draw the trials of all arms, of their searches and of the final trainings.

    Args:
        uri: Where the A/B study is recorded.
    """
    found = read_trials(project, uri, named_parts(storage, study), "")
    title = f"A/B study {study.study_name}: the trials of each arm"
    score = title_of(*metric_of(OBJECTIVE))
    return trial_gallery(title, score, found, part_is="arm", more=_FINAL)
