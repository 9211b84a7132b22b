"""The MLflow runs that stand for a study and its parts: one each, for all hosts.

Hosts that begin a study at the same time may each make one. Which one is used is noted in Optuna's
storage, where only one host can be first.
"""

from dataclasses import replace

import optuna

from segexp import tracking
from segexp.study.attributes import PART_RUNS, RUN_ID, RUN_KEY, SUPERSEDED
from segexp.study.storage.access import replace_attribute

FOR_STUDY_RUN = 10.0
"""How many seconds a study waits for a tracking server that has just answered to make its run."""


def find_run(
    experiment: tracking.Experiment, noted: str | None, key: str | None
) -> tracking.Run | None:
    """Find the run that was noted, or that a process made and died before it noted it."""
    if noted is None and key is not None:
        made = tracking.find_tagged(experiment, RUN_KEY, key)
        noted = made.id if made else None
    return tracking.attach_run(experiment, noted)


def note_run(study: optuna.Study, noted: str | None, run: tracking.Run) -> tracking.Run:
    """Note the run that all hosts record under: the first that one of them made.

    Args:
        noted: What was noted when the run was made: nothing, a run that MLflow does not have any
            more, or one that another host is yet to create.

    Returns:
        The run that is used; any other is discarded.
    """
    stands = replace_attribute(study, RUN_ID, noted, run.id)
    return _settle(study, noted, run, stands)


def note_part(study: optuna.Study, part: str, run: tracking.Run) -> tracking.Run:
    """Note the run of a part of a study, as `note_run` does that of a study."""
    known: dict[str, str] = study.user_attrs.get(PART_RUNS, {})
    noted = known.get(part)
    while known.get(part) == noted:
        known = replace_attribute(study, PART_RUNS, known or None, {**known, part: run.id}) or {}
        if known.get(part) == run.id:
            break
    return _settle(study, noted, run, known[part])


def _settle(study: optuna.Study, noted: str | None, run: tracking.Run, stands: str) -> tracking.Run:
    if stands != run.id:
        tracking.discard_run(run)
        return replace(run, id=stands)
    if noted not in (None, run.id) and tracking.is_token(str(noted)):
        superseded = study.user_attrs.get(SUPERSEDED, [])
        study.set_user_attr(SUPERSEDED, [*superseded, [noted, run.id]])
    return run


def new_run_instead(noted: str | None, run: tracking.Run, whose: str) -> str | None:
    """Say which run takes the place of a noted one that is gone; None if none is gone."""
    if noted in (None, run.id) or tracking.is_token(str(noted)):
        return None  # what another host is yet to create is not gone; see `gather_records`
    return (
        f"the MLflow run {noted} of {whose} is gone or was deleted; {run.id} takes its place, and "
        f"earlier trials stay below the other (`mlflow runs restore --run-id {noted}` brings back "
        "one that was deleted)"
    )


def gather_records(study: optuna.Study, run: tracking.Run) -> None:
    """Move what hosts recorded below other runs to the runs that are used.

    While a tracking server was slow or away, hosts may have made more than one run for a study.

    Args:
        study: The study; it may have parts.
    """
    attributes = study.user_attrs
    superseded: list[list[str]] = attributes.get(SUPERSEDED, [])
    done = [tracking.adopt(replace(run, id=new), [old]) for old, new in superseded]
    if superseded and all(done):
        study.set_user_attr(SUPERSEDED, [])
    # A trial may have been recorded before the run that it is below.
    for standing in (attributes.get(RUN_ID), *attributes.get(PART_RUNS, {}).values()):
        if standing is not None and tracking.is_token(standing):
            tracking.adopt(replace(run, id=standing), [standing])
