"""Which process sends what is spooled for a tracking server: one at a time, until all is sent.

A daemon thread in every process that records tries to become the sender. It never gives up. `drain`
waits for it; `sync` sends without it.
"""

import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient

from segexp.core.errors import first_line
from segexp.tracking.client import address_of, client_of, is_server, what_is_wrong
from segexp.tracking.operations import Operation
from segexp.tracking.replay import Sent, replay
from segexp.tracking.spool import Spool, name_server, spool_of

# All in seconds.
_LOOK_EVERY = 0.5  # for what other processes have recorded
_ANOTHER_SENDS = 0.1
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 5.0
# A server that hung still handles requests that nobody waits for any more. Until it has done so,
# its answers may be out of date.
_SETTLE = 1.0
_PATIENCE = 20.0  # for another process, as long as it sends nothing

_logger = logging.getLogger("segexp.tracking")


@dataclass(frozen=True)
class SyncResult:
    """What `sync` did.

    Attributes:
        refused: How many the server refused for good; they are in ``refused/`` of the spool.
    """

    sent: int
    left: int
    refused: int
    trouble: str | None = None


@dataclass(frozen=True)
class _Sender:
    thread: threading.Thread
    work: threading.Event


_senders: dict[tuple[Path, str], _Sender] = {}
_starting = threading.Lock()


def submit(
    project: Path, uri: str, operation: Operation, source: Path | bytes | None = None
) -> None:
    """Spool an operation for a server and wake the thread that sends it.

    Raises:
        OSError: When the disk is full.
    """
    spool = spool_of(project, uri)
    name_server(spool, uri)
    spool.append(operation, source)
    start_sending(project, uri)


def start_sending(project: Path, uri: str) -> None:
    """Start sending what is queued for a server, also by processes that ended."""
    if not is_server(uri):
        return
    with _starting:
        sender = _senders.get((project, uri))
        if sender is None or not sender.thread.is_alive():  # not alive: this process was forked
            work = threading.Event()
            thread = threading.Thread(
                target=_send_for_ever,
                args=(spool_of(project, uri), uri, work),
                name="segexp-sender",
                daemon=True,
            )
            sender = _senders[project, uri] = _Sender(thread, work)
            thread.start()
    sender.work.set()


def pending_records(project: Path, uri: str | None) -> int:
    """Return how many records are queued for a tracking server; 0 for a database."""
    return spool_of(project, uri).count() if uri and is_server(uri) else 0


def is_behind(project: Path, uri: str | None) -> bool:
    """Whether records are queued for a tracking server that seems to be away."""
    return uri is not None and is_server(uri) and spool_of(project, uri).is_behind()


def drain(project: Path, uri: str | None, seconds: float) -> int:
    """Wait until a tracking server has all records, for a limited time.

    Returns:
        How many records are still queued; 0 at once for a database.
    """
    left = pending_records(project, uri)
    if uri is None or left == 0:
        return left
    start_sending(project, uri)
    deadline = time.monotonic() + seconds
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = pending_records(project, uri)
    return left


def sync(project: Path, uri: str | None) -> SyncResult:
    """Send all records that are queued for a tracking server; give up when it does not answer."""
    if uri is None or not is_server(uri):
        return SyncResult(0, 0, 0)
    spool, client = spool_of(project, uri), client_of(uri)
    sent = refused = failures = 0
    trouble: str | None = None
    fewest, since = spool.count(), time.monotonic()
    while left := spool.count():
        with spool.sole_sender() as is_sole:
            done = replay(spool, client) if is_sole else Sent(0, 0, _trouble(client))
        sent, refused, trouble = sent + done.sent, refused + done.refused, done.trouble
        if left < fewest:
            fewest, since = left, time.monotonic()
        if not is_sole and time.monotonic() - since > _PATIENCE:
            trouble = "another process is to send them, and does not"
            break
        if trouble:
            failures = 1 if done.sent else failures + 1
            if failures > 1:  # once is a hiccup
                break
            time.sleep(_SETTLE)
        elif not is_sole:
            time.sleep(_ANOTHER_SENDS)
    left = spool.count()
    return SyncResult(sent, left, refused, trouble if left else None)


def _send_for_ever(spool: Spool, uri: str, work: threading.Event) -> None:
    client = client_of(uri)
    spool.sweep()
    while True:
        work.wait(_LOOK_EVERY)
        work.clear()
        try:
            while spool.count():
                with spool.sole_sender() as is_sole:
                    if is_sole:
                        _send_all(spool, client, uri)
                if not is_sole:
                    time.sleep(_ANOTHER_SENDS)
        except Exception as error:  # such as a full disk: the next round may find room
            _logger.warning("records wait in %s: %s", spool.directory, first_line(error))
            time.sleep(_LONGEST_PAUSE)


def _send_all(spool: Spool, client: MlflowClient, uri: str) -> None:
    """Send until nothing is queued, however long the server is away."""
    failures, pause = 0, _FIRST_PAUSE
    while trouble := (done := replay(spool, client)).trouble:
        if done.sent:
            failures, pause = 0, _FIRST_PAUSE
        while trouble:
            failures += 1
            if failures == 2:  # once is a hiccup
                _logger.warning(
                    "%s does not take records (%s); they wait in %s and are sent when it does",
                    address_of(uri),
                    trouble,
                    spool.directory,
                )
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            trouble = _trouble(client)
        time.sleep(_SETTLE)


def _trouble(client: MlflowClient) -> str | None:
    """Send the server a small request; return what is wrong with it."""
    try:
        client.search_experiments(max_results=1)
    except Exception as error:
        return what_is_wrong(error)
    return None
