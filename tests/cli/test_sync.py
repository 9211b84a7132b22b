import json
from pathlib import Path

import pytest

from harness.tracking_server import free_port
from segexp.cli.sync import sync as sync_command
from segexp.core.errors import InputError, WorkError
from segexp.tracking import Run, log_file, log_metrics, pending_records
from segexp.tracking.spool import spool_of


def test_sync_says_that_nothing_waits(project: Path, capsys: pytest.CaptureFixture[str]):
    sync_command(project=project)
    assert "no records wait for a tracking server" in capsys.readouterr().err


def test_sync_says_in_one_line_that_the_server_is_still_away(project: Path):
    run = Run(project, f"http://127.0.0.1:{free_port()}", "1", "0" * 32)
    log_metrics(run, {"a": 1.0}, step=1)
    source = project / "a.txt"
    source.write_text("a")
    log_file(run, source)
    with pytest.raises(WorkError) as caught:
        sync_command(project=project)
    message = str(caught.value)
    assert message.startswith(f"{run.uri}: 2 records still wait: ")
    assert "\n" not in message
    assert pending_records(project, run.uri) == 2


def test_sync_asks_for_the_server_where_its_name_is_damaged(project: Path):
    run = Run(project, f"http://127.0.0.1:{free_port()}", "1", "0" * 32)
    log_metrics(run, {"a": 1.0}, step=1)
    name = spool_of(project, run.uri).directory / "server.json"
    name.write_text(json.dumps([]))
    with pytest.raises(InputError, match=r"server\.json: names no server"):
        sync_command(project=project)
    with pytest.raises(WorkError, match="1 records still wait"):
        sync_command(project=project, set_=[f"tracking.uri={run.uri}"])
