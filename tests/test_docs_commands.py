"""Every command that README.md and docs/ show runs as it is written, by `segexp`, in a fresh HOME.

A block whose first line calls a program is a block of commands: each of its lines is run, or stands
in `NOT_RUN` with the reason. Each block begins in a new copy of one tiny project, in which a study
and a training have ended; data sets and pictures lie there under the names that the page uses.
Nothing is said in another way than on the page, but for `STANDS_FOR` and `SMALLER`.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from PIL import Image

from harness.layout_docs import TREES, lay_out
from harness.project import ROOT
from tests.cli.running import segexp as command

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
IN_OTHER_TESTS = {
    "cli.md": "cli/test_examples.py",
    "layouts.md": "test_layout_docs.py",
    "python.md": "test_python_docs.py",
}
"""What is said there is tried elsewhere: below `tests/`."""

PAGES_TO_RUN = [page for page in PAGES if page.name not in IN_OTHER_TESTS]

MINUTES, PACKAGES, SERVES = "a benchmark: minutes", "installs packages", "serves until Ctrl-C"
EXTRAS = "needs the extras onnx or openvino; tests/cli/test_export.py where they are installed"
NOT_RUN = {
    'pip install -e ".[dev]" && pytest': "the tests themselves",
    "pip install -e . && segexp tune --trials 50": PACKAGES,
    "pip install -e .": PACKAGES,
    "pip install 'segexp[peer]' && python benchmarks/peer_lightning.py --threads 1 --clock cpu": (
        PACKAGES
    ),
    "segexp ui": SERVES,
    "segexp ui STUDY --port 5001 --no-open": SERVES,
    'pip install "segexp[onnx]"': PACKAGES,
    "segexp export default": EXTRAS,
    "segexp export default --format openvino": EXTRAS,
    "python default_onnx_example.py street.png mask.png": EXTRAS,
    "segexp predict default.onnx photos --out predicted": EXTRAS,
    "segexp predict MODEL.onnx IMAGES...": EXTRAS,
    "segexp tune --storage postgresql://...": "needs PostgreSQL",
    "segexp tune --trials 500 --storage postgresql://ann@db/studies "
    "--set tracking.uri=http://mlflow:5000": "needs PostgreSQL and an MLflow server",
    "segexp tune --trials 500 --engine remote --listen 10.0.0.5:8765 --storage "
    "postgresql://ann@db/studies --set tracking.uri=http://mlflow:5000": "needs PostgreSQL",
    "segexp tune --trials 500 --engine ray --storage postgresql://ann@db/studies "
    "--set tracking.uri=http://mlflow:5000": "needs PostgreSQL",
    "segexp worker --connect 10.0.0.5:8765": "needs a study that listens",
    "python benchmarks/scale.py --simulate 8 64 256 1024": MINUTES,
    "python benchmarks/scale.py --storage proxy": MINUTES,
    "segexp compare fine": "needs a trial that beat the baseline; tests/cli/test_compare.py",
    "python benchmarks/cost.py": MINUTES,
    "python benchmarks/collapse_rules.py": MINUTES,
    "python benchmarks/model_pairs.py": MINUTES,
    "python benchmarks/bare_loop.py --threads 1 --epochs 6": MINUTES,
    "python benchmarks/bare_loop.py --threads 1 --epochs 3 --clock cpu": MINUTES,
    "python benchmarks/bare_loop.py --threads 1 --epochs 3 --clock cpu --precision fp32 "
    "--models Unet/mobilenet_v2/0.5 Unet/resnet18/1": MINUTES,
    "python benchmarks/memory_format.py --clock cpu --images 16 --turns 3": MINUTES,
    "python benchmarks/losses.py --threads 1": MINUTES,
    "GLIBC_TUNABLES=glibc.malloc.hugetlb=1 python benchmarks/bare_loop.py --threads 1 --epochs 3 "
    "--clock cpu --sizes 64x128": MINUTES,
    "python benchmarks/workers.py": MINUTES,
    "python benchmarks/study_overhead.py": MINUTES,
    "python benchmarks/overhead.py --trials 1000 --sampler random --set training.epochs=3": MINUTES,
    "python benchmarks/many_trials.py": MINUTES,
    "python benchmarks/time_to_target.py --workers 1": MINUTES,
    "python benchmarks/real_studies.py --target 0.4713": MINUTES,
    "python benchmarks/rung_survival.py --seeds 60": MINUTES,
    "python benchmarks/full_size.py": MINUTES,
    "python benchmarks/full_size.py --images 2975 --epochs 1": MINUTES,
    "python benchmarks/export_pairs.py": MINUTES,
    "python benchmarks/recipes.py recipe --matched 4": MINUTES,
    "python benchmarks/recipes.py recipe --data DIR --matched 4": MINUTES,
    "python benchmarks/recipes.py hierarchy --data DIR --size 64 128 --resize stretch --trials 10 "
    "--candidates 3": MINUTES,
}
"""The commands that are not run, and why."""

STANDS_FOR = {
    "IMAGES...": "img.png street.png",
    "IMAGE": "img.png",
    "IMAGE.png": "img.png",
    "MODEL": "default",
    "STUDY": "default",
    "NAME": "voc21",
    "NAME_merged": "voc21_merged",
    "BUNDLE": "$(ls -d .segexp/train/*/ | head -1)",
    "RUN-ID": "$(grep -oP 'run_id\": \"\\K\\w+' runs/default/best/trial.json)",
    "fine": "default",
    "runs/fine": "runs/default",
    "coarse": "$(ls -d .segexp/train/*/ | head -1)",
}
"""What a word of a page stands for, where no file can have its name."""

SMALLER = {
    r"segexp ab .*(--plan|--predictions)": "",
    r"segexp ab .*--matched": "--configs 2 --set epochs=1 --workers 0",
    r"segexp ab \S+ \S+ \w+\+": "--trials 10 --set epochs=1 --workers 0",
    r"segexp ab": "--trials 7 --set epochs=1 --workers 0",
    r"segexp tune": "--trials 2 --set epochs=1 --workers 0",
    r"segexp train": "--set epochs=1",
}
"""What stands at the end of a command that trains, where it overrides what the page says."""

CAMVID, CITYSCAPES, PETS, VOC = (
    next(tree for tree in TREES if tree.title == title)
    for title in (
        "CamVid of the SegNet tutorial",
        "Cityscapes",
        "images/ and masks/ by split",
        "Pascal VOC",
    )
)
DATA = {
    "README.md": {"FOLDER": VOC},
    "ab-camvid.md": {"DIR": CAMVID},
    "camvid.md": {"DIR": CAMVID},
    "data.md": {"FOLDER": VOC, "DIR": PETS, "CAMVID": CAMVID, "CITYSCAPES": CITYSCAPES},
    "full-size.md": {"camvid": CAMVID},
    "mappings.md": {"DIR": CITYSCAPES},
    "method.md": {"DIR": CAMVID},
    "own-labels.md": {"FOLDER": PETS},
    "studies.md": {"DIR": CAMVID},
}
"""The data sets of each page, by the names of their folders."""

LABEL_FILES = {
    "class_dict.csv": "name,r,g,b\nroad,128,64,128\nbuilding,70,70,70\ncar,0,0,142\n",
    "labels.json": '{"classes": ["a", "b", "c"], "palette": [[0, 0, 0], [9, 0, 0], [0, 9, 0]]}',
}


def test_every_command_of_the_pages_is_run_or_is_listed_as_not_run() -> None:
    shown = {line for page in PAGES_TO_RUN for block in blocks_of(page) for line in block}
    assert len(shown - NOT_RUN.keys()) > 40
    assert not NOT_RUN.keys() - shown, "no longer on any page"
    unknown = {
        line for line in shown - NOT_RUN.keys() if not re.search(r"^(cd .* && )?segexp ", line)
    }
    assert not unknown, "name it in NOT_RUN, with the reason"


def blocks_of(page: Path) -> Iterator[list[str]]:
    """Yield the lines of each block of commands, without comments."""
    text = re.sub(r" *\\\n *", " ", page.read_text("utf-8"))
    fenced = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
    blocks = [lines for kind, lines in fenced.findall(text) if kind in {"sh", "bash", "shell"}]
    blocks += re.findall(r"(?<=\n\n)(?:    .*\n)+", fenced.sub("", text))
    for block in blocks:
        lines = [re.sub(r"\s+#.*", "", line).strip() for line in block.splitlines()]
        if re.match(r"(\w+=\S+ )?(segexp|python|pip|pytest|mlflow|mpirun|cd|git) ", lines[0]):
            yield [line for line in lines if line and not line.startswith("#")]


@pytest.mark.slow
def test_the_commands_of_the_pages_run_in_a_fresh_home(
    tmp_path: Path, lay_out_project: Callable[[Path], Path]
) -> None:
    project = lay_out_project(tmp_path / "project")
    edit(project / "config.yaml", lambda content: content["training"].update(epochs=1))
    edit(project / "studies" / "default.yaml", without_networks)
    for words in (["tune", "--trials", "2", "--workers", "0"], ["train"]):
        done = command(project, *words)
        assert done.code == 0, done.err
    blocks: list[tuple[Path, Sequence[str], Path]] = []
    before = set(NOT_RUN)
    for page in PAGES_TO_RUN:
        for block in blocks_of(page):
            if not before.issuperset(block):
                blocks.append((page, block, tmp_path / f"home-{len(blocks)}"))
            before.update(block)
    with ThreadPoolExecutor(2) as lanes:
        told = [lanes.submit(failures, *block, project) for block in blocks]
    faults = [fault for found in told for fault in found.result()]
    assert not faults, "\n\n".join(faults)


def edit(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a YAML file of the project."""
    content = yaml.safe_load(file.read_text("utf-8"))
    change(content)
    file.write_text(yaml.safe_dump(content), "utf-8")


def without_networks(study: dict[str, Any]) -> None:
    """Have a study search only what costs nothing: its network is the tiny one of the project."""
    for where in (study["space"], study["baseline"]):
        for key in ("arch", "encoder"):
            where.pop(key, None)


def failures(page: Path, block: Sequence[str], home: Path, project: Path) -> list[str]:
    """Run the commands of a block in a home of its own; return those that fail, and why."""
    home.mkdir()
    at = shutil.copytree(project, home / "project")
    lay_out_files(page, home)
    faults = []
    for line in block:
        if line not in NOT_RUN:
            at, fault = run(line, at, home)
            if fault:
                faults.append(f"{page.name}: {line}\n{fault}")
    shutil.rmtree(home)
    return faults


def lay_out_files(page: Path, home: Path) -> None:
    """Lay out what a page takes for granted."""
    here = home / "project"
    for place, (name, tree) in enumerate(DATA.get(page.name, {}).items()):
        lay_out(tree, here / name, seed=100 * place)  # no picture is in two data sets
    for number, name in enumerate(("img.png", "street.png", "photos/a.png", "photos/b.png")):
        pixels = np.random.default_rng(number).integers(0, 256, (48, 80, 3), np.uint8)
        (here / name).parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(here / name)
    for name in ("clip.mp4", "drive.mp4"):
        video = cv2.VideoWriter(str(here / name), cv2.VideoWriter.fourcc(*"mp4v"), 5, (80, 48))
        for _ in range(3):
            video.write(pixels)
        video.release()
    for name, text in LABEL_FILES.items():
        (here / name).write_text(text, "utf-8")
    blocks = re.findall(r"```yaml\n(name: .*?)```", page.read_text("utf-8"), re.DOTALL)
    for text in blocks:
        is_taxonomy = "taxonomy:" not in text
        folder = here / "mappings" / ("taxonomies" if is_taxonomy else "")
        (folder / f"{yaml.safe_load(text)['name']}.yaml").write_text(text, "utf-8")


def run(line: str, directory: Path, home: Path) -> tuple[Path, str]:
    """Run a line of a shell; return the directory it leads to, and what it says if it fails."""
    words = [STANDS_FOR.get(word, word) for word in line.split(" ")]
    words.append(next((more for of, more in SMALLER.items() if re.search(of, line)), ""))
    environment = {
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "BROWSER": "true",  # the program of that name, which opens nothing
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    ended = home / ".ended-in"
    done = subprocess.run(
        ["bash", "-c", f"{' '.join(words)}\ncode=$?; pwd > '{ended}'; exit $code"],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    fault = f"exit code {done.returncode}: {done.stderr}" if done.returncode else ""
    return Path(ended.read_text("utf-8").strip()), fault
