from typing import Any

import pytest

from segexp import tracking
from segexp.study.attributes import RUN_ID, SUPERSEDED
from segexp.study.study_runs import gather_records
from tests.study.two_hosts import Hosts, runs_of_kind


def test_a_study_that_two_hosts_start_together_has_one_run(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, others = tracking.start_run, []

    def while_the_other_opens(*arguments: Any, **named: Any) -> tracking.Run:
        if not others:
            others.append(None)
            others[0] = hosts.open(1)
        return original(*arguments, **named)

    monkeypatch.setattr(tracking, "start_run", while_the_other_opens)
    one = hosts.open(0)
    assert one.parent.id == others[0].parent.id == one.study.user_attrs[RUN_ID]
    (run,) = runs_of_kind(hosts, "study")
    assert (run.info.run_id, run.info.status) == (one.parent.id, "RUNNING")
    (other,) = runs_of_kind(hosts, "discarded")
    assert other.info.status == "KILLED"


def test_what_was_recorded_below_a_run_that_was_superseded_is_moved(hosts: Hosts) -> None:
    one = hosts.open(0)
    late = tracking.start_run(one.experiment, "late", {"segexp.kind": "study"}, {})
    trials = [
        tracking.start_run(one.experiment, str(n), {"segexp.kind": "trial"}, {}, parent)
        for n, parent in enumerate((late, late, one.parent))
    ]
    one.study.set_user_attr(SUPERSEDED, [[late.id, one.parent.id]])
    gather_records(one.study, one.parent)
    below = [hosts.client.get_run(t.id).data.tags["mlflow.parentRunId"] for t in trials]
    assert below == [one.parent.id] * 3
    discarded = hosts.client.get_run(late.id)
    assert discarded.data.tags["segexp.kind"] == "discarded"
    assert discarded.info.status == "KILLED"
    assert one.study.user_attrs[SUPERSEDED] == []
