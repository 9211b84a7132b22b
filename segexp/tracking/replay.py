"""Applies what is spooled to a tracking server, in order: nothing is skipped or doubled.

What the server refuses for good is put aside, with the reason, and the rest is sent.
"""

import logging
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import ViewType

from segexp.core.run_token import is_token
from segexp.tracking.client import what_is_wrong
from segexp.tracking.operations import RefusedError, apply, find_run, refusal
from segexp.tracking.spool import Spool

_logger = logging.getLogger("segexp.tracking")


@dataclass(frozen=True)
class Sent:
    """What a replay did: how many were sent and refused, and what stopped it."""

    sent: int
    refused: int
    trouble: str | None


def replay(spool: Spool, client: MlflowClient) -> Sent:
    """Send what is queued, in order, until nothing is left or the server is in trouble.

    For the process that holds `Spool.sole_sender`.
    """
    sent = refused = 0
    while waiting := spool.waiting():
        for path in waiting:
            try:
                if reason := _send(spool, client, path):
                    _put_aside(spool, path, reason)
            except Exception as error:
                return Sent(sent, refused, what_is_wrong(error))
            sent, refused = sent + (not reason), refused + bool(reason)
    return Sent(sent, refused, None)


def id_of(spool: Spool, client: MlflowClient, run_id: str) -> str:
    """Return MLflow's id of a run, given its id or its token.

    Raises:
        RefusedError: When the token has no run, and never will.
    """
    if not is_token(run_id):
        return run_id
    known = spool.run_id(run_id)
    if known is None:  # another host created it, or the spool was deleted since
        known = find_run(client, run_id, _experiments(client))
        if known is None:
            raise RefusedError(f"there is no run {run_id}")
        spool.resolve(run_id, known)
    return known


def _experiments(client: MlflowClient) -> list[str]:
    ids: list[str] = []
    page_token: str | None = None
    while True:
        page = client.search_experiments(view_type=ViewType.ALL, page_token=page_token)
        ids += [experiment.experiment_id for experiment in page]
        page_token = page.token
        if not page_token:
            return ids


def _send(spool: Spool, client: MlflowClient, path: Path) -> str | None:
    """Send an operation; return why the server refused it for good, if it did."""
    try:
        operation, file = spool.read(path)
        is_repeated = operation.kind == "create" and spool.note_attempt(operation.run)
        resolve = partial(id_of, spool, client)
        made = apply(client, operation, resolve, file, is_repeated=is_repeated)
    except Exception as error:
        if not path.exists():
            return None  # its process was interrupted while it appended it, and removed it
        reason = refusal(error)
        if reason is None:
            raise
        return reason
    if operation.kind == "create":
        spool.resolve(operation.run, made)
    spool.remove(path)
    return None


def _put_aside(spool: Spool, path: Path, reason: str) -> None:
    run = path.name
    try:
        operation, _ = spool.read(path)
    except RefusedError:
        pass
    else:
        run = f"run {operation.run}" if operation.run else "an experiment"
        if operation.kind == "create":
            spool.resolve_refused(operation.run, reason)
    spool.refuse(path, reason)
    _say_refused(run, reason, spool.directory / "refused")


@cache
def _say_refused(run: str, reason: str, where: Path) -> None:
    """Say it once: later records of the run are refused for the same reason."""
    _logger.warning("the tracking server refused a record of %s: %s; see %s", run, reason, where)
