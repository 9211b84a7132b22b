"""What a study needs: whether it is there, and how to mend it."""

import shutil
import socket
from collections import namedtuple
from pathlib import Path

import pytest
from huggingface_hub import constants

from harness.trees import camvid_like
from segexp.core.config import Config
from segexp.study import doctor
from segexp.study.doctor import Check, check_machine, check_project

Usage = namedtuple("Usage", "total used free")


def by_name(project: Path, config: Config) -> dict[str, Check]:
    return {check.name: check for check in check_project(project, config)}


def with_values(**sections: object) -> Config:
    return Config.model_validate(sections)


def test_this_machine_and_a_new_project_have_nothing_that_would_stop_a_study(
    tmp_path: Path,
) -> None:
    checks = [*check_machine(), *check_project(tmp_path, with_values())]
    assert [c.name for c in checks[:3]] == ["versions", "device", "bf16"]
    assert {c.name: c.state for c in checks if c.state == "fault"} == {}
    assert not list(tmp_path.iterdir())  # it only looks


def test_a_library_that_is_too_old_is_named_with_the_command_that_mends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    needed = ["torch>=99", "no-such-library>=1", 'lightning>=99; extra == "peer"', "typer>=0.1"]
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: needed)
    (versions, *_) = check_machine()
    assert versions.state == "fault"
    assert "pip install 'torch>=99'" in versions.text
    assert "no-such-library not installed: pip install 'no-such-library>=1'" in versions.text
    assert "lightning" not in versions.text and "typer" not in versions.text


@pytest.mark.parametrize(("free", "state"), [(1e8, "fault"), (1e9, "warning"), (1e11, "ok")])
def test_little_disk_is_said_with_what_can_be_freed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: float, state: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(1e12, 1e12 - free, free))
    found = by_name(tmp_path, with_values())["disk"]
    assert found.state == state
    assert ("MB are free" in found.text and ".segexp/cache" in found.text) == (state != "ok")


def test_what_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "may_write", lambda path: path.name != "mlruns")
    found = by_name(tmp_path, with_values())["permissions"]
    assert (found.state, found.text.partition(":")[0]) == ("fault", str(tmp_path / "mlruns"))


def test_a_damaged_storage_and_a_server_that_is_away_would_stop_a_study(tmp_path: Path) -> None:
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "optuna.db").write_text("no database", encoding="utf-8")
    with socket.socket() as taken:  # bound and not listening: nobody else can answer there
        taken.bind(("127.0.0.1", 0))
        uri = f"http://ann:secret@127.0.0.1:{taken.getsockname()[1]}"
        found = by_name(tmp_path, with_values(tracking={"uri": uri}))
    assert found["storage"].state == found["tracking"].state == "fault"
    assert "is not a SQLite database; move it away" in found["storage"].text
    assert "refused" in found["tracking"].text and "secret" not in found["tracking"].text


def test_weights_are_looked_for_in_the_cache_and_nothing_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    config = with_values(model={"encoder": "resnet18", "encoder_weights": "imagenet"})
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    found = by_name(tmp_path, config)["weights"]
    assert found.state == "warning"
    assert "the first study fetches them" in found.text
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    found = by_name(tmp_path, config)["weights"]
    assert found.state == "fault"
    assert "HF_HUB_OFFLINE is set: copy models--" in found.text
    config = with_values(model={"encoder": "resnet18", "encoder_weights": "nowhere"})
    assert "nor a directory" in by_name(tmp_path, config)["weights"].text


def test_the_data_of_this_host_is_named_with_who_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    camvid_like(tmp_path / "streets", train=1, val=1)
    found = by_name(tmp_path, with_values())["data"]
    assert found == Check("data", "ok", "synthetic: drawn, no folder is needed")
    data = {"format": "auto", "root": str(tmp_path / "streets")}
    found = by_name(tmp_path, with_values(data=data))["data"]
    assert found.text == f"folder in {tmp_path / 'streets'} (data.root)"
    monkeypatch.setenv("SEGEXP_DATA", str(tmp_path / "streets"))
    found = by_name(tmp_path, with_values(data=data))["data"]
    assert found.text == f"folder in {tmp_path / 'streets'} (SEGEXP_DATA)"
    monkeypatch.setenv("SEGEXP_DATA", str(tmp_path / "gone"))
    found = by_name(tmp_path, with_values(data=data | {"root": str(tmp_path / "gone")}))["data"]
    assert found.state == "fault"
    assert f"{tmp_path / 'gone'} (SEGEXP_DATA of this host's environment): no such" in found.text
