"""docs/python.md, run from top to bottom as it is written, on a tiny study."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segexp
from harness.project import ROOT
from tests.cli.running import segexp as command


@pytest.mark.slow
def test_every_block_runs_as_written(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    pixels = np.random.default_rng(0).integers(0, 256, (48, 80, 3), np.uint8)
    Image.fromarray(pixels).save("street.png")
    segexp.tune(trials=2, say=lambda line: None)

    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL)
    known: dict[str, object] = {}
    for kind, block in blocks:
        if kind == "sh":
            done = command(project, *shlex.split(block)[1:])
            assert done.code == 0, done.err
        else:
            exec(compile(block, "docs/python.md", "exec"), known)
    assert {kind for kind, _ in blocks} == {"sh", "python"}
    assert np.array_equal(known["masks"][0], known["found"].mask)  # type: ignore[index, attr-defined]
