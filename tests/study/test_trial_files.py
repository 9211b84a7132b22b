import pytest

from segexp.core.errors import WorkError
from segexp.study.attributes import FILES, RUN_ID
from segexp.study.trial_files import directory_of, fetch_files
from tests.study.two_hosts import Hosts, best_of


def test_the_files_of_another_hosts_trial_are_read_from_mlflow_and_kept(hosts: Hosts) -> None:
    trial = best_of(hosts, 0)
    here, there = (directory_of(project, trial) for project in hosts.projects)
    names = sorted(trial.user_attrs[FILES])
    bundle = [f"bundle/{name}" for name in ("README.md", "bundle.json", "model.safetensors")]
    assert names == [*bundle, "confusions.npz"]
    lines: list[str] = []
    for prefix in ("confusions.npz", "bundle/"):
        fetch_files(hosts.projects[1], hosts.uri, trial, prefix, lines.append)
    for name in names:
        assert (there / name).read_bytes() == (here / name).read_bytes()
    assert len(lines) == 2
    fetch_files(hosts.projects[1], hosts.uri, trial, "bundle/", lines.append)
    assert len(lines) == 2  # nothing is fetched twice


def test_an_artifact_that_is_not_what_the_trial_left_is_refused(hosts: Hosts) -> None:
    trial = best_of(hosts, 0)
    changed = hosts.projects[0] / "confusions.npz"
    changed.write_bytes(b"something else")
    hosts.client.log_artifact(trial.user_attrs[RUN_ID], str(changed))
    with pytest.raises(WorkError, match=r"is not what trial 0 left: its SHA-256 is .*, not "):
        fetch_files(hosts.projects[1], hosts.uri, trial, "confusions.npz", lambda line: None)
    assert not (directory_of(hosts.projects[1], trial) / "confusions.npz").exists()
