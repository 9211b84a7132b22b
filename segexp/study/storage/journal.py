"""A journal file for Optuna that survives writers that die and disks that are full.

Optuna's own backend, `optuna.storages.journal.JournalFileBackend`, loads a journal whose last
line was cut off, and joins the next record to that line. It also waits 30 seconds for the lock
of a process that died. The format of the file is the same: one JSON object a line.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from filelock import FileLock
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend

from segexp.core.errors import AwayError, InputError
from segexp.core.files import may_write


def open_journal(path: Path) -> JournalStorage:
    """Open a journal file as Optuna's storage, and create it where it is not there yet.

    Raises:
        InputError: When the file cannot be opened, or a line before a cut-off last one is no
            record of Optuna's; the message names the line.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        journal = JournalFile(path)
    except OSError as error:
        raise InputError(f"storage: {path}: cannot be opened: {error.strerror}") from None
    try:
        return JournalStorage(journal)
    except (InputError, AwayError):
        raise
    except Exception:  # Optuna does not check records: one without its fields can raise anything
        raise journal.damage() from None


class JournalFile(BaseJournalBackend):
    """The records of a journal file, for any number of processes of any number of machines.

    A last line without its newline was cut off when its writer died. It is never read, and cut
    away before the next record is written.

    Raises:
        OSError: When the file can be neither read nor made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        self._lock = self._path.with_name(f".{self._path.name}.lock")
        # Where the lines begin that are known to be whole, and the end of the last one.
        self._starts = [0]
        self._line = 0
        if not self._path.exists():
            self._path.touch()
        with self._path.open("rb"):
            pass

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """Yield the records from a number on, counted from 0.

        Raises:
            InputError: When a line is no JSON object; the message names it.
            AwayError: When the file cannot be read, or was replaced.
        """
        for number, line in enumerate(self._lines_from(log_number_from), log_number_from):
            self._line = number + 1
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                record = None
            if not isinstance(record, dict):
                raise self.damage()
            yield record

    def damage(self) -> InputError:
        """Return an error that names the line that was read last."""
        return InputError(
            f"storage: {self._path}, line {self._line}: is not a journal of Optuna, or is damaged "
            f"here; restore a copy of the file, or keep what is whole with "
            f"`head -n {max(self._line - 1, 0)}`"
        )

    def append_logs(self, logs: Sequence[dict[str, Any]]) -> None:
        """Write records at the end and sync them: all of them, or, when that fails, none.

        Raises:
            AwayError: When they cannot be written, as on a full disk.
        """
        data = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs).encode()
        try:
            with self._locked(), self._path.open("r+b", buffering=0) as file:
                end = _end_of_last_line(file)
                try:
                    file.truncate(end)
                    file.seek(end)
                    _write_all(file, data)
                    os.fsync(file.fileno())
                except BaseException:
                    file.truncate(end)
                    raise
        except OSError as error:
            raise AwayError(
                f"storage: {self._path}: cannot be written: {error.strerror}"
            ) from error

    def _lines_from(self, number: int) -> list[bytes]:
        start = self._starts[number]
        try:
            # Without a lock: every call of the storage asks, and mostly there is nothing new.
            if self._path.stat().st_size == self._starts[-1] == start:
                return []
            # With it: a reader must not see a cut-off line and what replaces it as one.
            with self._locked_to_read(), self._path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(start)
                data = file.read()
        except OSError as error:
            raise AwayError(f"storage: {self._path}: cannot be read: {error.strerror}") from error
        if size < self._starts[-1]:
            raise AwayError(
                f"storage: {self._path}: has {size} bytes, and had {self._starts[-1]}: "
                "it was replaced while it was in use"
            )
        *lines, _cut_off = data.split(b"\n")
        end = start
        for place, line in enumerate(lines, number + 1):
            end += len(line) + 1
            if place == len(self._starts):
                self._starts.append(end)
        return lines

    @contextmanager
    def _locked_to_read(self) -> Iterator[None]:
        if may_write(self._lock):
            with self._locked():
                yield
        else:  # of another user, or on a disk that cannot be written
            yield

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # The system frees the lock of a process that dies. Optuna's dashboard and other readers
        # know another lock, `<name>.lock`; the file beside it does not stand in their way.
        with FileLock(self._lock).acquire(
            poll_interval=0.002
        ):  # a record is written within milliseconds
            yield


def _end_of_last_line(file: IO[bytes]) -> int:
    """Return how many bytes of a file are whole lines."""
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - 65536)
        file.seek(start)
        newline = file.read(end - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def _write_all(file: IO[bytes], data: bytes) -> None:
    rest = memoryview(data)
    while rest:  # an unbuffered write on a disk that fills up takes a part, and fails the next time
        rest = rest[file.write(rest) :]
