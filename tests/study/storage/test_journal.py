"""Journals with lines that were cut off, writers that die, disks that are full."""

import json
import os
import pickle
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from harness.project import ROOT
from segexp.core.errors import InputError, WorkError
from segexp.study.storage.journal import open_journal


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A journal with a study of two finished trials."""
    path = tmp_path / "optuna.log"
    study = optuna.create_study(storage=open_journal(path), study_name="a")
    add_trials(study, 2)
    return path


def add_trials(study: optuna.Study, count: int) -> None:
    for _ in range(count):
        trial = study.ask()
        study.tell(trial, trial.suggest_float("x", 0, 1))


def load(storage: JournalStorage) -> optuna.Study:
    return optuna.load_study(study_name="a", storage=storage)


def states(path: Path) -> list[str]:
    """Read a journal with Optuna's own backend."""
    study = load(JournalStorage(JournalFileBackend(str(path))))
    assert [trial.number for trial in study.trials] == list(range(len(study.trials)))
    return [trial.state.name for trial in study.trials]


def test_a_last_line_that_was_cut_anywhere_is_not_read_and_not_kept(journal: Path) -> None:
    whole = journal.read_bytes()
    last = len(whole.splitlines(keepends=True)[-1])
    for cut in range(1, last):
        journal.write_bytes(whole[:-cut])
        study = load(open_journal(journal))
        # The last line tells that the second trial is complete.
        assert [t.state.name for t in study.trials] == ["COMPLETE", "RUNNING"]
        study.tell(1, 0.5)
        add_trials(study, 1)
        assert states(journal) == ["COMPLETE"] * 3
        assert all(json.loads(line) for line in journal.read_bytes().splitlines())


@pytest.mark.parametrize("rubbish", [b"{", b'{"op_code":4,"wor', b"\0" * 300, b"x" * 200_000])
def test_what_a_dying_writer_leaves_disturbs_no_other_that_is_at_work(
    journal: Path, rubbish: bytes
) -> None:
    studies = [load(open_journal(journal)) for _ in range(2)]
    for study in studies * 2:
        with journal.open("ab") as file:
            file.write(rubbish)
        assert len(studies[0].trials) == len(studies[1].trials)
        add_trials(study, 1)
        assert all(json.loads(line) for line in journal.read_bytes().splitlines())
    assert states(journal) == ["COMPLETE"] * 6
    assert [len(study.trials) for study in studies] == [6, 6]


def test_a_journal_with_only_a_cut_off_line_is_empty(tmp_path: Path) -> None:
    (tmp_path / "optuna.log").write_bytes(b'{"op_code":0,"worker')
    storage = open_journal(tmp_path / "optuna.log")
    assert optuna.get_all_study_names(storage) == []
    add_trials(optuna.create_study(storage=storage, study_name="a"), 1)
    assert states(tmp_path / "optuna.log") == ["COMPLETE"]


def _overwrite(line: int, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        lines = path.read_bytes().splitlines(keepends=True)
        lines[line - 1] = change(lines[line - 1])
        path.write_bytes(b"".join(lines))

    return damage


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (_overwrite(3, lambda line: b"\0" * len(line) + b"\n"), 3),
        (_overwrite(3, lambda line: line[:20] + line), 3),
        (_overwrite(3, lambda line: line[:20] + b"\n"), 3),
        (_overwrite(1, lambda line: b"\n"), 1),
        (_overwrite(2, lambda line: b"[1, 2]\n"), 2),
        (_overwrite(2, lambda line: b'{"no": "op_code"}\n'), 2),
        (_overwrite(2, lambda line: b'{"op_code": 99, "worker_id": "w"}\n'), 2),
        (_overwrite(2, lambda line: b'{"op_code": 4, "worker_id": "w", "study_id": 0}\n'), 2),
        (_overwrite(2, lambda line: b"[" * 100_000 + b"\n"), 2),
    ],
)
def test_a_damaged_line_is_refused_by_its_number_and_the_file_is_left_alone(
    journal: Path, damage: Callable[[Path], None], line: int
) -> None:
    damage(journal)
    before = journal.read_bytes()
    with pytest.raises(InputError) as caught:
        open_journal(journal)
    assert str(caught.value) == (
        f"storage: {journal}, line {line}: is not a journal of Optuna, or is damaged here; "
        f"restore a copy of the file, or keep what is whole with `head -n {line - 1}`"
    )
    assert journal.read_bytes() == before


def test_a_journal_that_is_replaced_while_it_is_in_use_is_noticed(journal: Path) -> None:
    study = load(open_journal(journal))
    journal.write_bytes(journal.read_bytes()[:100])
    with pytest.raises(WorkError, match=r"has 100 bytes, and had .* replaced while it was in use"):
        study.ask()


def test_a_write_that_fails_half_way_leaves_the_journal_as_it_was(journal: Path) -> None:
    # A limit on the size of files fails as a full disk does: a part is written first.
    script = f"""
        import resource, signal
        from pathlib import Path
        import optuna
        from segexp.core.errors import WorkError
        from segexp.study.storage.journal import open_journal
        path = Path({str(journal)!r})
        study = optuna.load_study(study_name="a", storage=open_journal(path))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        before = path.read_bytes()
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 50, limits[1]))
        try:
            study.ask()
        except WorkError as error:
            print(error)
        assert path.read_bytes() == before
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        study.tell(study.ask(), 1.0)
    """
    done = run(script)
    assert done.stdout == f"storage: {journal}: cannot be written: File too large\n"
    assert states(journal) == ["COMPLETE"] * 3


def test_the_lock_of_a_process_that_was_killed_is_free(journal: Path) -> None:
    script = f"""
        import os, signal
        from pathlib import Path
        from segexp.study.storage.journal import JournalFile
        with JournalFile(Path({str(journal)!r}))._locked():
            os.kill(os.getpid(), signal.SIGKILL)
    """
    assert run(script, check=False).returncode == -9
    assert (journal.parent / f".{journal.name}.lock").exists()
    add_trials(load(open_journal(journal)), 1)
    assert states(journal) == ["COMPLETE"] * 3


def run(script: str, *, check: bool = True) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)],
        cwd=ROOT,
        check=check,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_optunas_own_backend_reads_and_writes_the_same_journal(journal: Path) -> None:
    ours, theirs = open_journal(journal), JournalStorage(JournalFileBackend(str(journal)))
    for storage in (ours, theirs, ours):
        add_trials(load(storage), 1)
    assert [t.params for t in load(ours).trials] == [t.params for t in load(theirs).trials]
    assert states(journal) == ["COMPLETE"] * 5


def test_a_name_that_is_taken_disturbs_nothing_that_is_read_later(journal: Path) -> None:
    # Optuna's replay stops in the middle of what it was given then, and comes back for the rest.
    ours, other = open_journal(journal), open_journal(journal)
    add_trials(load(other), 1)
    for storage in (ours, other):
        optuna.create_study(storage=storage, study_name="a", load_if_exists=True)
        add_trials(load(storage), 1)
    assert len(load(ours).trials) == len(load(other).trials) == 5


def test_a_pickled_journal_begins_anew(journal: Path) -> None:
    storage = open_journal(journal)
    add_trials(load(storage), 1)
    copy = pickle.loads(pickle.dumps(storage))
    add_trials(load(copy), 1)
    assert [t.state.name for t in load(storage).trials] == ["COMPLETE"] * 4


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(InputError, match="cannot be opened: Permission denied"):
        open_journal(tmp_path / "closed" / "optuna.log")
