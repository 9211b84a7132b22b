"""Where hosts of one study are, with the servers that they have in common.

For benchmarks/hosts.py and benchmarks/remote_workers.py.
"""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from harness.hosts import Host, lay_out_reader
from harness.network import BRIDGE
from harness.postgres import PostgresServer, running_server
from harness.tracking_server import free_port, start_mlflow, stop, wait_until_ready

READER = "reader"
"""The host that has nothing but the two URLs."""


@dataclass
class Place:
    """The servers, and the directory that everything is in.

    Attributes:
        is_cabled: Whether hosts have network namespaces.
        address: Where both servers listen.
        url: The database.
        uri: The MLflow server, which `mlflow` is the process of.
    """

    directory: Path
    is_cabled: bool
    address: str
    postgres: PostgresServer
    url: str
    uri: str
    port: int
    mlflow: "subprocess.Popen[bytes]"

    def host(
        self, name: str, words: Sequence[str] = (), variables: Mapping[str, str] | None = None
    ) -> Host:
        """Return a host; its project is still to be laid out."""
        return Host(self.directory / name, words, self.is_cabled, variables or {})


@contextmanager
def servers(*, is_cabled: bool) -> Iterator[Place]:
    """Run PostgreSQL and MLflow while the block runs."""
    directory = Path(tempfile.mkdtemp(prefix="segexp-hosts-"))
    print(f"logs in {directory}", file=sys.stderr)
    address = BRIDGE if is_cabled else "127.0.0.1"
    with running_server(address) as postgres:
        url, port = postgres.make_database(), free_port()
        uri = f"http://{address}:{port}"
        mlflow = start_mlflow(directory, port, address)
        place = Place(directory, is_cabled, address, postgres, url, uri, port, mlflow)
        try:
            wait_until_ready(port, address)
            yield place
        finally:
            stop(place.mlflow, signal.SIGTERM)


def read_elsewhere(place: Place) -> list[str]:
    """Use a study where there are only the two URLs: predict, score, suggest, write the page."""
    lay_out_reader(place.directory / READER, place.url, place.uri)
    reader = place.host(READER)
    pixels = np.random.default_rng(0).integers(0, 256, (48, 80, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(reader.project / "street.png")
    codes = [
        reader.run("best", "hosts", "--predict", "street.png"),
        reader.run("report", "hosts"),
        reader.run("evaluate", "hosts", "--set", "data.synthetic.train=2"),
        reader.run("mapping", "suggest", "--study", "hosts", "--classes", "3"),
    ]
    faults = [f"elsewhere: exit codes {codes}"] if any(codes) else []
    try:
        with Image.open(reader.project / "predictions" / "street_mask.png") as mask:
            if mask.size != (80, 48):
                faults.append(f"elsewhere: a mask of {mask.size}")
        page = reader.project / "runs" / "hosts" / "report.html"
        if "</html>" not in page.read_text(encoding="utf-8"):
            faults.append(f"elsewhere: {page} is cut off")
    except OSError as error:
        faults.append(f"elsewhere: {error}")
    return faults
