"""Records for a tracking server, kept on disk until it has them.

``.segexp/spool/<server>/`` of a project holds::

    server.json                  the server's address
    operations/<number>-<id>.json  the queue, in the order of recording
    payloads/<id>/<file>         the file of an operation
    runs/<token>.json            the id of a run that had a token before it was created
    refused/                     what the server refused, each with the reason
    sender.lock                  held by the process that sends
"""

import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from segexp.core.config import WORK_DIRECTORY
from segexp.core.errors import InputError
from segexp.core.files import make_private, write_atomic
from segexp.tracking.client import address_of, is_server, key_of
from segexp.tracking.operations import CONTENT, Operation, RefusedError

_NAME = re.compile(r"[0-9]{12}-.+\.json")
_AWAY_AFTER = 2.0  # seconds
_FORGOTTEN_AFTER = 3600.0  # seconds after which half-written files of a dead process are removed


@dataclass(frozen=True)
class Spool:
    """The records of one project for one server."""

    directory: Path

    def append(self, operation: Operation, source: Path | bytes | None = None) -> None:
        """Add an operation after all that this process knows of; `source` becomes its file.

        Without a lock, so that a stopped process blocks nobody: two processes that take the same
        number do not know each other's operation, and either order is right.

        Raises:
            OSError: When the disk is full or not writable; nothing is left of it then.
        """
        identity = operation.run if operation.kind == "create" else secrets.token_hex(8)
        make_private(self.directory)
        payload = self.directory / "payloads" / identity
        number = 1 + int(max(self._names(), default="0").partition("-")[0])
        path = self.directory / "operations" / f"{number:012d}-{identity}.json"
        try:
            if source is not None and operation.file is not None:
                payload.mkdir(parents=True)
                _place(source, payload / operation.file)
            _write(path, json.dumps(asdict(operation), allow_nan=False))
        except BaseException:
            path.unlink(missing_ok=True)
            shutil.rmtree(payload, ignore_errors=True)
            raise

    def waiting(self) -> list[Path]:
        """Return the queued operations in order."""
        folder = self.directory / "operations"
        return [folder / name for name in sorted(self._names())]

    def count(self) -> int:
        """Return how many operations are queued."""
        return len(self._names())

    def is_behind(self) -> bool:
        """Whether an operation is queued for so long that the server seems to be away."""
        first = min(self._names(), default=None)
        if first is None:
            return False
        try:
            begun = (self.directory / "operations" / first).stat().st_mtime
        except FileNotFoundError:
            return False
        return time.time() - begun > _AWAY_AFTER

    def is_to_be_created(self, token: str) -> bool:
        """Whether the creation of a token's run is queued."""
        return any(name.endswith(f"-{token}.json") for name in self._names())

    def read(self, path: Path) -> tuple[Operation, Path | None]:
        """Read an operation and where its file is.

        Raises:
            RefusedError: When it cannot be read: later operations must not wait for it.
        """
        try:
            operation = Operation(**json.loads(path.read_bytes()))
            name = Path(operation.file).name if operation.file is not None else None
            known = CONTENT[operation.kind] == set(operation.content)
        except (ValueError, TypeError, KeyError):
            known = False
        if not known:
            raise RefusedError(f"{path.name} is damaged, or of another version of segexp")
        return operation, self._payload(path) / name if name else None

    def remove(self, path: Path) -> None:
        """Delete an operation that the server has."""
        path.unlink(missing_ok=True)
        shutil.rmtree(self._payload(path), ignore_errors=True)

    def refuse(self, path: Path, reason: str) -> None:
        """Put an operation and its file aside, with the reason."""
        aside = self.directory / "refused" / path.stem
        aside.mkdir(parents=True, exist_ok=True)
        _write(aside / "reason.txt", reason + "\n")
        for file in self._payload(path).glob("*"):
            file.replace(aside / file.name)
        path.replace(aside / "operation.json")
        shutil.rmtree(self._payload(path), ignore_errors=True)

    def refused(self) -> int:
        """Return how many operations have been put aside."""
        return len(list((self.directory / "refused").glob("*/operation.json")))

    def note_attempt(self, token: str) -> bool:
        """Note that a run is about to be created; return whether that was noted before."""
        is_repeated = self._run(token).exists()
        if not is_repeated:
            _write(self._run(token), json.dumps({}))
        return is_repeated

    def resolve(self, token: str, run_id: str) -> None:
        """Note the id of a token's run."""
        _write(self._run(token), json.dumps({"id": run_id}))

    def resolve_refused(self, token: str, reason: str) -> None:
        """Note that a token will never have a run."""
        _write(self._run(token), json.dumps({"refused": reason}))

    def run_id(self, token: str) -> str | None:
        """Return the id of a token's run; None while it is unknown here.

        Raises:
            RefusedError: When there will never be one.
        """
        try:
            known: dict[str, str] = json.loads(self._run(token).read_bytes())
        except (FileNotFoundError, ValueError):
            return None  # damaged or missing, but the server knows
        if "refused" in known:
            raise RefusedError(f"its run could not be created: {known['refused']}")
        return known.get("id")

    @contextmanager
    def sole_sender(self) -> Iterator[bool]:
        """Try to become the one process that sends. If it dies, the system frees the lock."""
        lock = FileLock(self.directory / "sender.lock", timeout=0, thread_local=False)
        try:
            make_private(self.directory)
            lock.acquire()
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def sweep(self) -> None:
        """Remove half-written files of killed processes."""
        known = {path.stem.partition("-")[2] for path in self.waiting()}
        left = [p for p in (self.directory / "payloads").glob("*") if p.name not in known]
        left += (self.directory / "operations").glob(".*")
        for path in left:
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _FORGOTTEN_AFTER:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _names(self) -> list[str]:
        # Plain strings: thousands may be queued, and every record asks for the last.
        try:
            names = os.listdir(self.directory / "operations")  # noqa: PTH208
        except FileNotFoundError:
            return []
        return [name for name in names if _NAME.fullmatch(name)]

    def _payload(self, path: Path) -> Path:
        return self.directory / "payloads" / path.stem.partition("-")[2]

    def _run(self, token: str) -> Path:
        return self.directory / "runs" / f"{token}.json"


def spool_of(project: Path, uri: str) -> Spool:
    """Return the spool of a project for a server; it may not exist yet."""
    return Spool(project / WORK_DIRECTORY / "spool" / key_of(uri))


def name_server(spool: Spool, uri: str) -> None:
    """Note which server a spool is for, unless it is noted."""
    path = spool.directory / "server.json"
    if not path.is_file():
        make_private(spool.directory)
        _write(path, json.dumps({"uri": address_of(uri)}))


def servers_with_records(project: Path, uri: str | None) -> list[str]:
    """Return the tracking URIs of all servers for which records are queued.

    Args:
        uri: The configured one, which is used for its server, since passwords are not stored.

    Raises:
        InputError: When it is unknown for which server some are queued.
    """
    servers = []
    for path in sorted((project / WORK_DIRECTORY / "spool").glob("*/server.json")):
        if not Spool(path.parent).waiting():
            continue
        if uri is not None and is_server(uri) and key_of(uri) == path.parent.name:
            servers.append(uri)
            continue
        try:
            servers.append(str(json.loads(path.read_bytes())["uri"]))
        except (OSError, ValueError, KeyError, TypeError):
            raise InputError(
                f"{path}: names no server; name it with --set tracking.uri=http://..."
            ) from None
    return servers


# Private, since the server may show it only to those who sign in.
_write = partial(write_atomic, is_private=True)


def _place(source: Path | bytes, target: Path) -> None:
    """Put a file into the spool; the caller may delete its own at once."""
    if isinstance(source, bytes):
        _write(target, source)
        return
    source = source.resolve()
    try:
        # segexp's files are replaced, never changed in place, so a hard link is as good as a copy.
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
