"""What people add is one file or one row: here each is added from outside, with no other edit."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from mlflow import MlflowClient
from sklearn.metrics import jaccard_score

from harness.trees import picture, raw_mask, save
from segexp.compare.page import ab_page
from segexp.compare.page.view import AbView
from segexp.data import layouts
from segexp.evaluation import export
from segexp.evaluation.confusions import CONFUSIONS_FILE, load_confusions
from segexp.labels import importers
from segexp.labels.files import load_mapping
from segexp.report import data_page, study_page
from segexp.report.page import Section, paragraph
from segexp.report.trials import StudyView
from segexp.study.attributes import RUN_ID
from segexp.study.trial_files import directory_of
from segexp.training import exports, losses, optimizers, schedules
from segexp.training.bundle import save_bundle
from tests.cli.running import segexp, study_of, write_study
from tests.compare.mask_example import lay_out
from tests.report.parsed import read_page
from tests.small_bundle import small_bundle

BRIER = """\
\"\"\"Mean squared distance of the probabilities from the truth (Brier 1950).\"\"\"

from segexp.labels.taxonomy import VOID

ONE_VS_REST = False
WEIGHTS_SHIFT_PROBABILITIES = False


def of_logits(logits, target, pixels, weights):
    valid = (target != VOID).unsqueeze(1)
    truth = logits.new_zeros(logits.shape).scatter_(1, (target * valid[:, 0]).unsqueeze(1), 1.0)
    distance = ((logits.softmax(1) - truth).square() * valid).sum()
    return distance / valid.sum().clamp_min(1)
"""

FWIOU = """\
import numpy as np
from segexp.evaluation.metrics import metric, score

@metric("frequency-weighted IoU")
def fwiou(confusion):
    scores = score(confusion)
    there = scores.pixels > 0
    return float((scores.iou[there] * scores.pixels[there]).sum() / scores.pixels.sum())
"""

METRIC_STUDY = """\
name: tiny
trials: 1
objective: {objective}
sampler: random
pruner: none
space: {{learning_rate: {{low: 1e-4, high: 1e-2, log: true}}}}
config: {{mapping: merged10, training.epochs: 2}}
"""

SIDE_BY_SIDE = """\
\"\"\"`<split>/<name>.jpg` beside `<split>/<name>_mask.png`, as Roboflow exports it.\"\"\"

from segexp.data.layout import Layout
from segexp.data.layouts._pairing import directory_entries, join, present, source_of
from segexp.data.layout import VIDEO

FOLDERS = {"train": "train", "val": "valid"}


def open_side_by_side(root, taxonomy):
    listings = {}
    for split, name in FOLDERS.items():
        files = {path.stem: path for path in directory_entries(root / name)}
        masks = {s[:-5]: path for s, path in files.items() if s.endswith("_mask")}
        images = {s: path for s, path in files.items() if not s.endswith("_mask")}
        listings[split] = join(images, masks, root / name, root / name)
    return source_of(root, taxonomy, listings)


def recognised(root):
    return ", ".join(present(root, FOLDERS.values())) if any(root.glob("*/*_mask.png")) else None


LAYOUT = Layout(
    form="train/*.jpg with train/*_mask.png",
    recognised=recognised,
    open=open_side_by_side,
    taxonomy=lambda root: "camvid11",
    places=VIDEO,
    rather_than=("folder",),
)
"""

GIMP = """\
\"\"\"A palette of GIMP: `r g b name` a line, below its head.\"\"\"

from segexp.labels.importer import Importer, Read
from segexp.labels.importers._rows import Row
from segexp.labels.taxonomy import parse_taxonomy


def read(file, taxonomy, choices):
    rows = []
    for number, line in enumerate(file.text.splitlines()[1:], 2):
        if not line.startswith("#"):
            *color, name = line.split(maxsplit=3)
            rows.append(Row(f"{file.where}:{number}", name, name, tuple(map(int, color))))
    labels = [{"name": r.label, "id": i, "color": list(r.color)} for i, r in enumerate(rows)]
    own, _ = parse_taxonomy(
        file.where, {"name": choices.new_taxonomy or "own", "labels": labels, "void": [255]}
    )
    return Read(rows, taxonomy=own if choices.new_taxonomy else None)


IMPORTER = Importer(
    looked_for="the first line `GIMP Palette`",
    recognised=lambda file: file.text.startswith("GIMP Palette"),
    read=read,
    choices=("new_taxonomy",),
    rather_than=("csv",),
)
"""

PHONE = """\
\"\"\"TorchScript under the name that PyTorch Mobile looked for.\"\"\"

from segexp.training.exports import torchscript

SUFFIX, BESIDE, EXTRA, WRITES, RUNS = ".ptl", (), None, (), "torch"
EXAMPLE = torchscript.EXAMPLE


def write(whole, images, path, texts):
    torchscript.write(whole, images, path, texts)


def open_file(path):
    return torchscript.open_file(path)
"""

STUDY = """\
name: tiny
trials: 2
sampler: {sampler}
pruner: {pruner}
space: {{learning_rate: {{low: 1e-4, high: 1e-2, log: true}}}}
config: {{mapping: merged10, training.epochs: 2}}
"""


def test_a_loss_is_a_file(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "brier.py").write_text(BRIER, encoding="utf-8")
    monkeypatch.setattr(losses, "__path__", [*losses.__path__, str(tmp_path)])
    refused = segexp(project, "train", "--mapping", "merged10", "--set", "loss=briar")
    assert refused.code == 2
    assert "did you mean 'brier'?" in refused.err
    done = segexp(project, "train", "--mapping", "merged10", "--set", "loss=brier")
    assert done.code == 0, done.err


def test_a_layout_is_a_file(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its frames of two videos look like no layout of ours; beside them stands part of another."""
    (tmp_path / "rooms" / "side_by_side.py").parent.mkdir()
    (tmp_path / "rooms" / "side_by_side.py").write_text(SIDE_BY_SIDE, encoding="utf-8")
    monkeypatch.setattr(layouts, "__path__", [*layouts.__path__, str(tmp_path / "rooms")])
    data = tmp_path / "data"
    for number in range(8):
        path = data / ("valid" if number % 2 else "train") / f"Seq{number // 4}_{number:05d}.jpg"
        save(path, picture(number, (32, 64)))
        save(path.with_name(f"{path.stem}_mask.png"), raw_mask(number, (32, 64)))
    (data / "trainannot").mkdir()

    checked = segexp(project, "data", "check", "--data", str(data))
    assert checked.code == 0, checked.err
    assert "data: side-by-side, data, taxonomy camvid11, from its layout" in checked.out
    assert "held-out (a half of val, by sequence)" in checked.out
    words = ("train", "--data", str(data), "--mapping", "camvid11")
    refused = segexp(project, *words, "--format", "side-by-sid")
    assert refused.code == 2
    assert "did you mean 'side-by-side'?" in refused.err
    done = segexp(project, *words, "--format", "side-by-side")
    assert done.code == 0, done.err

    (tmp_path / "packed").mkdir()
    (tmp_path / "packed" / "export.zip").touch()
    unknown = segexp(project, "data", "check", "--data", str(tmp_path / "packed"))
    assert "packed: no known layout: unpack export.zip; found " in unknown.err
    assert "train/*.jpg with train/*_mask.png (side-by-side)" in unknown.err
    told = help_with(layouts.__name__, tmp_path / "rooms", tmp_path, "train")
    told = re.sub(r"[\s│]+", "", told)  # a box, whose lines may break in a name
    assert ",side-by-side," in told and ";bydefaultrecognised" in told


def test_an_importer_is_a_file(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rooms" / "gimp_palette.py").parent.mkdir()
    (tmp_path / "rooms" / "gimp_palette.py").write_text(GIMP, encoding="utf-8")
    monkeypatch.setattr(importers, "__path__", [*importers.__path__, str(tmp_path / "rooms")])
    text = "GIMP Palette\n# pets\n9 0 0 cat\n0 9 0 dog\n"
    (project / "pets.gpl").write_text(text, encoding="utf-8")

    words = ("mapping", "import", "pets.gpl", "--new-taxonomy", "pets")
    refused = segexp(project, *words, "--format", "gimp-pallete")
    assert refused.code == 2
    assert "did you mean 'gimp-palette'?" in refused.err
    refused = segexp(project, *words, "--column", "cats")
    assert "--column: is for mseg; this file is gimp-palette" in refused.err
    done = segexp(project, *words)
    assert done.code == 0, done.err
    assert "pets.gpl: gimp-palette, 2 classes over pets: cat, dog; void: raw id 255" in done.err
    assert load_mapping(project / "mappings" / "pets.yaml").names == ("cat", "dog")

    (project / "words.csv").write_text("a,b,c\n", encoding="utf-8")
    unknown = segexp(project, "mapping", "import", "words.csv")
    assert "looked for " in unknown.err
    assert "the first line `GIMP Palette` (gimp-palette)" in unknown.err
    told = help_with(importers.__name__, tmp_path / "rooms", tmp_path, "mapping", "import")
    assert ", gimp-palette, " in told


def test_an_export_format_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rooms" / "phone.py").parent.mkdir()
    (tmp_path / "rooms" / "phone.py").write_text(PHONE, encoding="utf-8")
    monkeypatch.setattr(exports, "__path__", [*exports.__path__, str(tmp_path / "rooms")])
    monkeypatch.setattr(export, "odd_sizes", lambda preprocessing: ((31, 57),))
    save_bundle(tmp_path / "town", small_bundle())
    refused = segexp(tmp_path, "export", "town", "--format", "fone")
    assert "did you mean 'phone'?" in refused.err
    done = segexp(tmp_path, "export", "town", "--format", "phone")
    assert (done.code, done.out) == (0, "town.ptl\n"), done.err
    assert (tmp_path / "town_phone_example.py").is_file()


def help_with(package: str, rooms: Path, directory: Path, *words: str) -> str:
    """Return the help of a command of a process whose package has one more folder of modules."""
    code = f"import {package} as package\npackage.__path__.append({str(rooms)!r})\n"
    return run_with(code, directory, directory, *words, "--help")[1]


def test_a_schedule_is_a_function(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedules, "SCHEDULES", dict(schedules.SCHEDULES))

    @schedules.after_warmup
    def linear(done: float) -> float:
        return 1 - done

    refused = segexp(project, "train", "--mapping", "merged10", "--set", "schedule=linaer")
    assert "did you mean 'linear'?" in refused.err
    done = segexp(project, "train", "--mapping", "merged10", "--set", "schedule=linear")
    assert done.code == 0, done.err


def test_an_optimizer_is_a_row(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(optimizers.OPTIMIZERS, "radam", ("RAdam", {"decoupled_weight_decay": True}))
    done = segexp(project, "train", "--mapping", "merged10", "--set", "optimizer=radam")
    assert done.code == 0, done.err


@pytest.mark.slow
def test_a_sampler_is_a_row(project: Path, tmp_path: Path) -> None:
    row = 'SAMPLERS["qmc"] = SamplerRow("optuna.samplers:QMCSampler")'
    sampler = "{name: qmc, options: {scramble: true}}"
    write_study(project, STUDY.format(sampler=sampler, pruner="none"))
    code, err = tune_with(row, project, tmp_path)
    assert code == 0, err
    assert len(study_of(project, "tiny").trials) == 2


@pytest.mark.slow
def test_a_pruner_is_a_row(project: Path, tmp_path: Path) -> None:
    """No score is above 1.5; the baseline is never pruned."""
    row = 'PRUNERS["threshold"] = PrunerRow("optuna.pruners:ThresholdPruner", {"lower": 1.5})'
    write_study(project, STUDY.format(sampler="random", pruner="threshold"))
    code, err = tune_with(row, project, tmp_path)
    assert code == 0, err
    states = [trial.state.name for trial in study_of(project, "tiny").trials]
    assert states == ["COMPLETE", "PRUNED"]


ENGINE = """\
\"\"\"Each trial in a thread of its own.\"\"\"

from threading import Thread

from segexp.core.lease import is_gone


def prepare(workers, config):
    pass


def run_trials(studies, display, *, workers, stop):
    from segexp.study.turns import is_stopped, run_next

    found = [True]
    while found.pop() and not is_stopped(studies, stop):
        thread = Thread(target=lambda: found.append(run_next(studies, display)))
        thread.start()
        thread.join()
        display.say(f"{thread.name} has ended")
    return len(studies[0].study.trials)
"""


@pytest.mark.slow
def test_an_engine_is_a_file(project: Path, tmp_path: Path) -> None:
    more = tmp_path / "engines"
    more.mkdir()
    (more / "threads.py").write_text(ENGINE, encoding="utf-8")
    code = f"import segexp.study.engines as e\ne.__path__.append({str(more)!r})\n"
    write_study(project, STUDY.format(sampler="random", pruner="none"))
    rc, err = run_with(code, project, tmp_path, "tune", "--help")
    assert "What runs trials: here, ray, remote, threads, workers." in " ".join(
        err.replace("│", "").split()
    )
    rc, err = run_with(code, project, tmp_path, "tune", "tiny", "--engine", "treads")
    assert (rc, "did you mean 'threads'?" in err) == (2, True)
    rc, err = run_with(code, project, tmp_path, "tune", "tiny", "--engine", "threads")
    assert rc == 0, err
    assert "has ended" in err
    assert len(study_of(project, "tiny").trials) == 2


@pytest.mark.slow
def test_a_metric_is_a_function(project: Path, tmp_path: Path) -> None:
    """Recorded, ranked by, and shown, by the name of the function and its title."""
    write_study(project, METRIC_STUDY.format(objective="val/fwio_common"))
    code, err = run_with(FWIOU, project, tmp_path, "tune", "tiny", "--workers", "1")
    assert code == 2
    assert "did you mean 'val/fwiou_common'?" in err
    write_study(project, METRIC_STUDY.format(objective="val/fwiou_common"))
    code, err = run_with(FWIOU, project, tmp_path, "tune", "tiny", "--workers", "1")
    assert code == 0, err
    assert "held-out frequency-weighted IoU, common space: " in err
    assert "  frequency-weighted IoU 0." in err  # of each epoch
    assert "mIoU 0." not in err

    trial = study_of(project, "tiny").trials[0]
    confusions = load_confusions(directory_of(project, trial) / CONFUSIONS_FILE)
    counts = confusions["val"].by["common"].sum(axis=0)[:, :-1]  # "none" is empty: one mapping
    truth, guess = (np.repeat(a, counts.ravel()) for a in np.indices(counts.shape))
    by_hand = jaccard_score(truth, guess, average="weighted", labels=np.unique(truth))
    assert trial.value == pytest.approx(by_hand, abs=1e-9)

    run = MlflowClient(f"sqlite:///{project}/mlflow.db").get_run(trial.user_attrs[RUN_ID])
    assert run.data.metrics["best/fwiou_common"] == pytest.approx(by_hand, abs=1e-9)
    _, shown = run_with(FWIOU, project, tmp_path, "best", "tiny")
    assert "frequency-weighted IoU, common space" in shown
    _, told = run_with(FWIOU, project, tmp_path, "best", "tiny", "--json")
    assert json.loads(told)["scores"]["tuning"]["fwiou"] == pytest.approx(by_hand, abs=1e-9)
    pages = [path.read_text() for path in project.glob("mlruns/**/study.html")]
    assert all("frequency-weighted IoU, own space" in page for page in pages) and pages
    # Where nobody knows the metric any more, the study still opens.
    assert segexp(project, "best", "tiny").code == 0


def test_a_section_of_the_studys_page_is_a_function(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seconds_section(view: StudyView) -> Iterator[Section]:
        bars = go.Bar(x=[row.number for row in view.rows], y=[row.seconds for row in view.rows])
        yield Section("Seconds", [paragraph("Wall time of each trial."), go.Figure(bars)])

    monkeypatch.setattr(study_page, "SECTIONS", [*study_page.SECTIONS, seconds_section])
    write_study(project, STUDY.format(sampler="random", pruner="none"))
    done = segexp(project, "tune", "tiny", "--trials", "1", "--workers", "0")
    assert done.code == 0, done.err
    (file,) = project.glob("mlruns/**/study.html")
    page = read_page(file.read_text(encoding="utf-8"))
    assert page.headings[-1] == "Seconds"
    (bars,) = page.traces()[-1]
    assert bars["x"] == [0]
    assert bars["y"][0] > 0


def test_a_section_of_the_data_page_is_a_function(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def format_section(stats: Mapping[str, Any]) -> Iterator[Section]:
        yield Section("Format", [paragraph(f"This is {stats['format']}.")])

    monkeypatch.setattr(data_page, "SECTIONS", [format_section, *data_page.SECTIONS])
    done = segexp(project, "data", "stats", "--out", "stats")
    assert done.code == 0, done.err
    page = read_page((project / "stats" / "data-stats.html").read_text(encoding="utf-8"))
    assert page.headings[:3] == ["Sample images", "Format", "Splits"]
    assert "This is synthetic." in page.texts


def test_a_section_of_an_ab_page_is_a_function(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def names_section(view: AbView) -> Iterator[Section]:
        yield Section("Names", [paragraph(" and ".join(view.names))])

    monkeypatch.setattr(ab_page, "SECTIONS", [names_section, *ab_page.SECTIONS])
    lay_out(tmp_path)
    arms = ("cityscapes19=a", "merged10=b")
    words = [word for arm in arms for word in ("--predictions", arm)]
    done = segexp(tmp_path, "ab", *words, "--truth", "truth", "--out", "found")
    assert done.code == 0, done.err
    page = read_page((tmp_path / "found" / "ab.html").read_text(encoding="utf-8"))
    assert page.headings[:2] == ["Names", "The difference"]
    assert "cityscapes19 and merged10" in page.texts


def tune_with(row: str, project: Path, directory: Path) -> tuple[int, str]:
    """Run the study with one row more, in this command's processes and in all of its workers."""
    code = f"from segexp.study.choices import *\n{row}\n"
    return run_with(code, project, directory, "tune", "tiny", "--workers", "1")


def run_with(code: str, project: Path, directory: Path, *words: str) -> tuple[int, str]:
    """Run a command, each of whose processes begins with some code; return what it printed."""
    (directory / "sitecustomize.py").write_text(code, encoding="utf-8")
    path = os.pathsep.join([str(directory), *sys.path])
    done = subprocess.run(
        [sys.executable, "-m", "segexp", *words],
        cwd=project,
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "300"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout
