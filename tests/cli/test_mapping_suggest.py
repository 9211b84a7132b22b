"""`segexp mapping suggest`."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from harness.hosts import lay_out_reader_of
from harness.project import copy_database
from segexp.cli.console import results
from segexp.evaluation.confusions import load_confusions
from segexp.evaluation.metrics import score
from segexp.labels.files import find_mapping
from segexp.labels.mapping import collapse_confusion, collapse_lookup
from tests.cli.running import Outcome, client_of, runs_of, segexp


@pytest.fixture(scope="module")
def project(tuned: tuple[Path, Outcome], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of a project with a tuned study: this command writes into it."""
    copy = tmp_path_factory.mktemp("suggest") / "project"
    shutil.copytree(tuned[0], copy, ignore=shutil.ignore_patterns("*.db*"))
    for name in ("mlflow.db", "studies/optuna.db"):
        copy_database(tuned[0] / name, copy / name)
    return copy


def test_a_run_becomes_a_mapping_that_can_be_scored_and_a_page(project: Path, tmp_path: Path):
    _, runs = runs_of(project, "tiny")
    run = runs[0]
    mapping = run.data.tags["segexp.mapping"]
    done = segexp(
        project, "mapping", "suggest", "--run", run.info.run_id, "--classes", "4",
        "--name", "four", "--out", str(tmp_path), "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    content = json.loads(done.out)
    path = client_of(project).download_artifacts(run.info.run_id, "confusions.npz", str(tmp_path))
    own = load_confusions(Path(path))["val"].by["own"].sum(axis=0)
    fine, four = find_mapping(project, mapping), find_mapping(project, "four")
    collapsed = collapse_confusion(own, collapse_lookup(fine, four), 4)
    assert content["suggested"]["miou"] == pytest.approx(score(collapsed).miou, abs=1e-12)
    assert content["base"]["miou"] == pytest.approx(run.data.metrics["best/miou"], abs=1e-9)
    assert content["path"] == str(project / "mappings" / "four.yaml")
    assert (tmp_path / "mapping-ladder.html").stat().st_size > 100_000
    assert len(np.unique(four.lookup())) == 5  # four classes and void


def test_a_study_is_its_best_trial_and_what_is_shown_ends_with_the_study_to_run(
    project: Path, tmp_path: Path
):
    best = json.loads(segexp(project, "best", "tiny", "--json").out)
    done = segexp(project, "mapping", "suggest", "--study", "tiny", "--out", str(tmp_path))
    assert done.code == 0, done.err
    assert best["run_id"] in done.out
    assert "ruler effect" in done.out
    base = best["params"]["mapping"]
    count = 10 if base == "cityscapes19" else 9
    path = project / "mappings" / f"{base}_suggested{count}.yaml"
    assert done.err.strip().splitlines()[-3:] == [
        f"writing {tmp_path / 'mapping-ladder.html'} ...",
        f"writing {path} ...",
        f"look next:  segexp ab {base} {base}_suggested{count}",
    ]
    assert path.is_file()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--run", "a", "--study", "b"], "--run RUN or --study NAME"),
        (["--run", "feed"], "no run 'feed'"),
        (["--study", "tini"], "tini"),
        (["--study", "tiny", "--keep", "persom"], "did you mean 'person'?"),
        (["--study", "tiny", "--within", "camvid11"], "--within camvid11: must be coarser"),
        (["--study", "tiny", "--within", "categories"], "did you mean 'categories7'?"),
        (["--study", "tiny", "--classes", "1"], "--classes 1: expected 2 to"),
    ],
)
def test_wrong_input_is_refused_in_one_line(
    project: Path, tmp_path: Path, words: list[str], expected: str
):
    done = segexp(project, "mapping", "suggest", *words, "--out", str(tmp_path))
    assert done.code == 2
    assert expected in done.err
    assert not list(tmp_path.iterdir())


def test_a_file_of_the_same_classes_is_kept_and_that_is_said(project: Path, tmp_path: Path):
    words = ("mapping", "suggest", "--study", "tiny", "--name", "kept", "--out", str(tmp_path))
    assert json.loads(segexp(project, *words, "--json").out)["kept"] is False
    path = project / "mappings" / "kept.yaml"
    path.write_text(path.read_text() + "# a line of mine\n")
    mine = path.read_bytes()
    again = segexp(project, *words)
    assert again.code == 0
    assert f"kept {path}, which holds this label space already" in again.out
    assert path.read_bytes() == mine
    assert segexp(project, *words, "--force").code == 0
    assert path.read_bytes() != mine


def test_without_a_place_for_the_page_no_mapping_is_written(project: Path, tmp_path: Path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", Path("/proc/x")):
        done = segexp(
            project, "mapping", "suggest", "--study", "tiny", "--name", "lost", "--out", str(out)
        )
        assert done.code == 2
        said, line = done.err.strip().splitlines()
        assert said == f"writing {out / 'mapping-ladder.html'} ..."
        assert line.startswith(f"error: --out {out}: cannot be written: ")
        assert not (project / "mappings" / "lost.yaml").exists()


def test_without_the_models_own_mapping_no_study_is_named(project: Path, tmp_path: Path):
    base = json.loads(segexp(project, "best", "tiny", "--json").out)["params"]["mapping"]
    path = project / "mappings" / f"{base}.yaml"
    path.rename(tmp_path / path.name)
    path.write_text("classes: []\n")
    # Without a name it is the last study, as of `best`.
    words = ("mapping", "suggest", "--name", "alone", "--out", str(tmp_path))
    done = segexp(project, *words)
    (tmp_path / path.name).rename(path)
    assert done.code == 0, done.err
    assert f"note: {path}: " in done.out
    assert done.err.strip().splitlines()[-1] == "look next:  segexp mapping show alone"
    assert "segexp ab" not in (tmp_path / "mapping-ladder.html").read_text().replace("\n", " ")


def test_merged_names_are_shown_whole_in_narrow_terminals(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(results, "width", 80)
    words = ("mapping", "suggest", "--study", "tiny", "--name", "narrow", "--out", str(tmp_path))
    content = json.loads(segexp(project, *words, "--json").out)
    said = segexp(project, *words).out
    table = said.partition("└")[0]
    assert "…" not in said
    cells = [line.split("│")[2].strip() for line in table.splitlines() if line.startswith("│")]
    shown = "".join(cells).replace(" ", "")
    assert shown == "".join(
        a + "+" + b for a, b in (r["merged"] for r in content["rungs"])
    ).replace(" ", "")


def test_where_there_are_only_the_two_urls_a_mapping_is_written_with_its_taxonomy(
    project: Path, tmp_path: Path
):
    place = lay_out_reader_of(tmp_path / "third", project)
    done = segexp(place, "mapping", "suggest", "--study", "tiny", "--classes", "5", "--json")
    assert done.code == 0, done.err
    suggested = json.loads(done.out)["suggested"]
    found = find_mapping(place, suggested["name"])
    assert found.hash == suggested["hash"]
    assert found.taxonomy == find_mapping(project, "merged10").taxonomy
    again = segexp(place, "mapping", "suggest", "--study", "tiny", "--classes", "5", "--json")
    assert (again.code, json.loads(again.out)["kept"]) == (0, True)
    # That it has a mapping file now changes nothing of what works without any.
    scored = segexp(place, "evaluate", "tiny", "--json", "--set", "data.synthetic.test=2")
    assert scored.code == 0, scored.err
