"""What another rank does: it trains along with rank 0, in a process of its own, until that ends it.

It does what `segexp.training.fit.Trainer.epochs` does there, with its part of the data, and has
nothing to decide, to report or to write.
"""

import os
import signal
import threading
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch

from segexp.core.config import Config
from segexp.core.errors import WorkError
from segexp.data.open import open_data
from segexp.data.source import Source
from segexp.labels.mapping import Mapping
from segexp.study.prepare import prepare_training
from segexp.training.checkpoint import Checkpoints
from segexp.training.fit import DivergedError
from segexp.training.ranks import Ranks, joined


@dataclass(frozen=True)
class RankTask:
    """What another rank is to do, in values that can be sent to its process.

    Attributes:
        source: Of the data, whose cache is there already.
        data_hash: Digest of the data that rank 0 trains on.
        checkpoints: The directory of the trial's checkpoints, which rank 0 alone writes.
        meaning: Of these.
        done: How many epochs rank 0 has resumed from there.
        store: By which the ranks find each other.
        threads: Of torch.
        gpu: The index of its CUDA device; None without CUDA.
    """

    ranks: Ranks
    config: Config
    source: Source
    data_hash: str
    mapping: Mapping
    common: Mapping
    project: Path
    checkpoints: Path
    meaning: str
    done: int
    store: Path
    threads: int
    gpu: int | None


def follow(connection: Connection, task: RankTask) -> None:
    """Train as another rank until rank 0 closes its end of a connection; the body of a process.

    Sends None when it is ready to train. If it fails, when (as `time.monotonic` has it, the same in
    all processes) and why.
    """
    # Rank 0 says when to stop; a signal may be sent to all processes of a command.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    warnings.simplefilter("ignore")  # rank 0 shows the same ones
    ending = threading.Thread(target=_end_with, args=(connection,), daemon=True)
    ending.start()
    try:
        _train(connection, task)
    except DivergedError:
        pass  # rank 0 has found the same, and says so
    except Exception as error:
        with suppress(OSError):
            text = f"{type(error).__name__}: {error}".partition("\n")[0]
            connection.send((time.monotonic(), text))
        os._exit(1)
    ending.join()


def _end_with(connection: Connection) -> None:
    with suppress(EOFError, OSError):
        connection.recv()  # nothing is ever sent
    os._exit(0)


def _train(connection: Connection, task: RankTask) -> None:
    torch.set_num_threads(task.threads)
    if task.gpu is not None:
        torch.cuda.set_device(task.gpu)
    dataset = open_data(task.project, task.config, task.source, lambda done, total: None)
    if dataset.hash != task.data_hash:
        raise WorkError("the data has changed since rank 0 opened it")
    rank, training = task.ranks.rank, task.config.training
    trainer = prepare_training(
        task.config, dataset, task.mapping, task.common, task.project, rank
    ).trainer
    own = np.random.SeedSequence([training.seed, rank])  # what is dropped differs between ranks
    torch.manual_seed(int(own.generate_state(1)[0]))
    precision = trainer.compute.precision
    checkpoints = Checkpoints(task.checkpoints, task.meaning, precision=precision)
    done = checkpoints.restore(trainer.learned, rank).epochs
    if done != task.done:
        raise WorkError(f"restored {done} epochs, and rank 0 {task.done}")
    connection.send(None)
    with joined(task.ranks, task.store):
        for _ in trainer.epochs(training.epochs, done=done):
            pass
