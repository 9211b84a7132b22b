"""Where the checkout is, and the environment that tests and benchmarks of segexp run in."""

import os
import sqlite3
from pathlib import Path

# Read once, when the libraries are imported. Two threads on two cores are 50 times slower than
# one as soon as another process is busy too: they wait for each other by spinning.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ.pop("MLFLOW_TRACKING_URI", None)
os.environ.pop("SEGEXP_DATA", None)

PRECISION = os.environ.get("SEGEXP_TEST_PRECISION", "fp32")
"""The precision of the tests' trainings: `bf16` shows what a processor with units for it would do.

It is in the tests' projects, so that the processes that they start use it, too.
"""

ROOT = Path(__file__).parents[1]


def copy_database(source: Path, target: Path) -> None:
    """Copy a SQLite file with what is still in its write-ahead log."""
    with sqlite3.connect(source) as reader, sqlite3.connect(target) as writer:
        reader.backup(writer)
    reader.close()
    writer.close()
