from pathlib import Path

import pytest
import yaml

from harness.names import one_of
from harness.project import ROOT
from segexp.core.config import CONFIG_FILE
from segexp.core.config_keys import load_config
from segexp.core.errors import InputError
from segexp.evaluation.metrics import objectives
from segexp.labels.files import find_mappings
from segexp.labels.mapping import common_space
from segexp.study.config import (
    Pruner,
    Sampler,
    StudyConfig,
    find_study_file,
    is_study_key,
    load_study_config,
    read_study,
    without_keys,
)
from segexp.study.read_space import read_space
from segexp.study.space import Choices

SHIPPED = sorted((ROOT / "studies").glob("*.yaml"))

SPACE = {"learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}, "loss": ["cross_entropy"]}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A project directory with one study."""
    (tmp_path / "studies").mkdir()
    (tmp_path / "mappings").symlink_to(ROOT / "mappings")
    (tmp_path / CONFIG_FILE).write_text("training: {epochs: 3}\n")
    write(tmp_path, {"name": "small", "space": SPACE})
    return tmp_path


def write(home: Path, content: object) -> Path:
    path = home / "studies" / "small.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def faults_of(home: Path, content: object, overrides: dict | None = None) -> tuple[str, ...]:
    path = write(home, content)
    with pytest.raises(InputError) as caught:
        load_study_config(path, overrides or {})
    return tuple(fault.removeprefix(f"{path}: ") for fault in caught.value.faults)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_study_fits_the_shipped_config_and_mappings(path):
    found, study, config = read_study(ROOT, path.stem, {})
    assert found == path
    assert study.name == path.stem
    found = read_space(str(path), study, config)
    space, baseline = found.space, found.baseline
    assert baseline.keys() == space.keys()
    mapping = space["mapping"]
    assert isinstance(mapping, Choices)
    mappings = find_mappings(ROOT, [str(name) for name in mapping.choices])
    assert len(common_space(mappings).classes) >= 2


def test_the_default_study_searches_what_it_promises():
    _, study, config = read_study(ROOT, None, {})
    space = read_space("default", study, config).space
    assert study.name == "default"
    assert (study.objective, study.trials) == ("val/miou_common", 50)
    assert (study.sampler.name, study.pruner.name) == ("tpe", "successive_halving")
    assert set(space) == {
        *("encoder", "arch", "learning_rate", "schedule", "loss", "loss_weighting"),
        *("augmentation", "mapping"),
    }
    assert space["mapping"] == Choices(("cityscapes19", "merged10"))


def test_a_study_is_read_with_its_defaults(home):
    study = load_study_config(home / "studies" / "small.yaml", {})
    assert study == StudyConfig(name="small", space=SPACE)
    assert study.sampler == Sampler(name="tpe", seed=0, options={})
    assert study.pruner == Pruner(name="hyperband", options={})


def test_a_sampler_and_a_pruner_may_be_a_bare_name(home):
    path = write(home, {"name": "s", "space": SPACE, "sampler": "random", "pruner": "none"})
    study = load_study_config(path, {})
    assert study.sampler == Sampler(name="random")
    assert study.pruner == Pruner(name="none")


def test_successive_halving_is_a_pruner(home):
    pruner = {"name": "successive_halving", "options": {"reduction_factor": 4}}
    path = write(home, {"name": "s", "space": SPACE, "pruner": pruner})
    study = load_study_config(path, {"pruner.options.min_resource": 2})
    options = {"reduction_factor": 4, "min_resource": 2}
    assert study.pruner == Pruner(name="successive_halving", options=options)


def test_overrides_win_over_the_file(home):
    path = write(home, {"name": "s", "space": SPACE, "sampler": {"name": "gp", "seed": 3}})
    study = load_study_config(
        path,
        {"trials": 7, "sampler.seed": 4, "pruner": "median", "objective": "val/miou", "name": "t"},
    )
    assert (study.name, study.trials, study.objective) == ("t", 7, "val/miou")
    assert study.sampler == Sampler(name="gp", seed=4)
    assert study.pruner.name == "median"
    assert study.space == SPACE


def test_an_override_of_a_part_keeps_a_bare_name(home):
    path = write(home, {"name": "s", "space": SPACE, "sampler": "random", "pruner": "percentile"})
    study = load_study_config(path, {"sampler.seed": 9, "pruner.options.percentile": 50.0})
    assert study.sampler == Sampler(name="random", seed=9)
    assert study.pruner == Pruner(name="percentile", options={"percentile": 50.0})


def test_an_option_is_added_to_those_of_the_file(home):
    path = write(
        home, {"name": "s", "space": SPACE, "sampler": {"name": "tpe", "options": {"group": True}}}
    )
    study = load_study_config(path, {"sampler.options.n_startup_trials": 5})
    assert study.sampler.options == {"group": True, "n_startup_trials": 5}


@pytest.mark.parametrize("key", ["space.learning_rate", "space.training.learning_rate"])
def test_an_override_of_the_space_replaces_its_key_however_it_is_spelled(home, key):
    study = load_study_config(home / "studies" / "small.yaml", {key: [0.1, 0.2]})
    assert study.space == {"loss": ["cross_entropy"], key.partition(".")[2]: [0.1, 0.2]}


def test_overrides_make_the_sections_that_the_file_leaves_out(home):
    path = home / "studies" / "small.yaml"
    study = load_study_config(path, {"baseline.loss": "focal", "config.training.epochs": 4})
    assert study.baseline == {"loss": "focal"}
    assert study.config == {"training.epochs": 4}


def test_every_fault_of_a_study_is_listed_together(home):
    content = {
        "name": "a b",
        "objective": "val/miuo",
        "trials": True,
        "sampler": {"name": "tpee", "sed": 1},
        "pruner": 5,
        "space": {},
        "baselin": {},
    }
    assert faults_of(home, content) == (
        "name: 'a b': use 1 to 100 letters (a-z, A-Z), digits, '_', '.', '+' and '-', beginning "
        "with a letter or a digit and not ending in '.'",
        f"objective: 'val/miuo': input should be {one_of(objectives())} (did you mean 'val/miou'?)",
        "trials: True: input should be a valid integer",
        "sampler.name: 'tpee': input should be 'tpe', 'random', 'gp', 'nsga2', 'cmaes' or 'grid' "
        "(did you mean 'tpe'?)",
        "sampler.sed: unknown key (did you mean 'seed'?)",
        "pruner: 5: expected `key: value` lines",
        "space: {}: dictionary should have at least 1 item after validation, not 0",
        "baselin: unknown key (did you mean 'baseline'?)",
    )


@pytest.mark.parametrize(
    "options",
    [
        {"n_ei_candidates": 10**9},
        {"n_ei_candidates": -(10**18)},
        {"prior_weight": float("nan")},
        {"prior_weight": float("inf")},
        {"gamma": [1, 2]},
        {"weights": {"a": 1}},
        {"x": "y" * 1000},
        {f"option{i}": i for i in range(50)},
        {1: 2},
    ],
)
def test_options_are_plain_values_within_bounds(home, options):
    for part in ("sampler", "pruner"):
        content = {"name": "s", "space": SPACE, part: {"options": options}}
        assert all(fault.startswith(f"{part}.options") for fault in faults_of(home, content))


@pytest.mark.parametrize("trials", [0, -1, 10**18, 1.5, float("nan"), float("inf"), "50", None])
def test_an_impossible_number_of_trials_is_refused(home, trials):
    (fault,) = faults_of(home, {"name": "s", "space": SPACE, "trials": trials})
    assert fault.startswith(f"trials: {trials!r}: ")


def test_what_is_missing_is_said_without_the_whole_file(home):
    assert faults_of(home, {"trials": 3}) == ("name: is missing", "space: is missing")


def test_the_fault_of_an_override_does_not_blame_the_file(home):
    content = {"name": "s", "space": SPACE}
    overrides = {"trials": 0, "sampler.name": "x", "pruner.colour": 1, "space": 3}
    assert faults_of(home, content, overrides) == (
        "trials: 0: input should be greater than or equal to 1",
        "sampler.name: 'x': input should be 'tpe', 'random', 'gp', 'nsga2', 'cmaes' or 'grid'",
        "pruner.colour: unknown key",
        "space: 3: expected `key: value` lines",
    )


def test_an_override_does_not_hide_a_broken_section(home):
    found = faults_of(home, {"name": "s", "space": 5}, {"space.loss": ["focal"]})
    assert found == ("space: 5: expected `key: value` lines",)


def test_keys_are_taken_out_of_space_and_baseline_however_they_are_spelled():
    study = StudyConfig(
        name="s",
        space={"training.loss": ["focal"], "mapping": ["a"], "epochs": [1], "odd": [1]},
        baseline={"loss": "focal", "mapping": "a"},
    )
    left = without_keys(study, {"training.loss", "training.epochs"})
    assert left.space == {"mapping": ["a"], "odd": [1]}
    assert left.baseline == {"mapping": "a"}
    assert study.baseline == {"loss": "focal", "mapping": "a"}


@pytest.mark.parametrize(
    "key", ["trials", "sampler", "sampler.seed", "space.loss", "config.epochs"]
)
def test_keys_of_a_study(key):
    assert is_study_key(key)


@pytest.mark.parametrize("key", ["epochs", "training.seed", "mapping", "storage", "seed", ""])
def test_keys_of_the_config(key):
    assert not is_study_key(key)


def test_a_study_is_found_by_name_by_path_or_as_the_default(home, monkeypatch):
    assert find_study_file(home, "small") == home / "studies" / "small.yaml"
    elsewhere = home / "elsewhere.yaml"
    elsewhere.touch()
    assert find_study_file(home, str(elsewhere)) == elsewhere
    monkeypatch.chdir(home)
    assert find_study_file(Path("/nowhere"), "elsewhere.yaml") == Path("elsewhere.yaml")
    with pytest.raises(InputError, match=r"no study 'default' in .*; there are small"):
        find_study_file(home, None)
    (home / "studies" / "default.yaml").touch()
    assert find_study_file(home, None) == home / "studies" / "default.yaml"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("smal", r"no study 'smal' in .*/studies \(did you mean 'small'\?\); there are small"),
        ("../studies/small", "no study"),
        ("x" * 300, "no study"),
        ("absent.yaml", "absent.yaml: no such study file"),
        ("absent.yml", "absent.yml: no such study file"),
    ],
)
def test_a_study_that_is_not_there_is_an_input_error(home, name, message):
    with pytest.raises(InputError, match=message):
        find_study_file(home, name)


def test_a_study_sets_keys_of_the_config_and_overrides_win_over_it(home):
    write(home, {"name": "s", "space": SPACE, "config": {"training.epochs": 5, "seed": 2}})
    _, _, config = read_study(home, "small", {})
    assert (config.training.epochs, config.training.seed) == (5, 2)
    _, _, config = read_study(home, "small", {"epochs": 6})
    assert (config.training.epochs, config.training.seed) == (6, 2)


def test_an_override_of_a_searched_key_fixes_it(home):
    _, study, config = read_study(home, "small", {"training.learning_rate": 0.5, "trials": 3})
    assert study.space == {"loss": ["cross_entropy"]}
    assert study.trials == 3
    assert config.training.learning_rate == 0.5


def test_a_host_says_where_its_data_is_whatever_a_study_says(home, monkeypatch):
    of_study = {"data.root": "/of/the/study", "data.format": "camvid"}
    write(home, {"name": "s", "space": SPACE, "config": of_study})
    assert read_study(home, "small", {})[2].data.root == "/of/the/study"
    monkeypatch.setenv("SEGEXP_DATA", "/here")
    data = read_study(home, "small", {})[2].data
    assert (data.root, data.format) == ("/here", "camvid")
    assert read_study(home, "small", {"data.root": "/named"})[2].data.root == "/named"


def test_faults_of_study_config_and_mapping_come_together(home):
    write(home, {"name": "s", "trials": 0, "space": SPACE})
    (home / CONFIG_FILE).write_text("training: {epochs: -3}\n")
    with pytest.raises(InputError) as caught:
        read_study(home, "small", {"mapping": "merged01", "lossy": "x"})
    trials, lossy, epochs, mapping = caught.value.faults
    assert trials.startswith(f"{home}/studies/small.yaml: trials: 0: ")
    assert lossy == "lossy: no such key (did you mean 'loss'?)"
    assert epochs.startswith(f"{home}/config.yaml: training.epochs: -3: ")
    assert mapping.startswith("no mapping 'merged01'")


def test_the_repository_itself_is_the_project_of_the_shipped_studies():
    assert load_config(ROOT / CONFIG_FILE, {}).mapping == "cityscapes19"


@pytest.mark.parametrize(
    ("objective", "fault"),
    [
        (
            ["val/miou", "latency"],
            "a score comes first, then costs: 'latency' is not one of latency_ms, parameters, macs "
            "(did you mean 'latency_ms'?)",
        ),
        (
            ["macs", "val/miou"],
            f"a score comes first, then costs: 'macs' is not one of {', '.join(objectives())}; "
            "'val/miou' is not one of latency_ms, parameters, macs",
        ),
    ],
)
def test_of_several_objectives_the_wrong_ones_are_named(home, objective, fault):
    found = faults_of(home, {"name": "s", "space": SPACE, "objective": objective})
    assert found == (f"objective: {objective}: {fault}",)
