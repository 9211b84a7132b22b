"""Hosts that share a study and no lock: project directories of their own, one storage, one MLflow.

Another host is another project directory here, and where it matters another host name.
"""

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState, create_trial
from PIL import Image

from harness.postgres import PostgresServer, postgres_server, postgres_url  # noqa: F401
from harness.tracking_server import free_port
from harness.trees import camvid_like
from segexp import tracking
from segexp.compare.arms import parse_arms
from segexp.compare.design import Design, Question
from segexp.compare.plan import plan_ab
from segexp.compare.run import run_ab
from segexp.core.errors import InputError, WorkError
from segexp.core.lease import Owner, lease_seconds, this_process
from segexp.data.cache import Dataset
from segexp.data.open import open_data
from segexp.report.study_page import study_page
from segexp.study import ask
from segexp.study import open as open_study
from segexp.study.attributes import BEAT, DEFINITION, OWNER, PRECISION, PROMOTES, RETRY_OF, RUN_ID
from segexp.study.definition import PRECISION as PRECISION_KEY
from segexp.study.naming import Naming
from segexp.study.next_trial import run_next_trial
from segexp.study.open import OpenStudy
from segexp.study.recorded_place import recorded_place
from segexp.study.revision import with_name
from segexp.study.run import run_study
from segexp.study.samplers import suggest
from segexp.study.storage.access import replace_attribute
from segexp.study.view import view_study
from segexp.training import compute
from tests.cli.running import segexp
from tests.study.two_hosts import Hosts, best_of, runs_of_kind
from tests.tiny_study import Said

ELSEWHERE = replace(this_process(), host="elsewhere", boot="elsewhere")


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["random", "tpe", "cmaes", "gp"])
def test_hosts_that_ask_at_the_same_moment_train_different_configurations(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch, sampler: str
) -> None:
    one, two = (hosts.open(host, trials=9, sampler={"name": sampler, "seed": 1}) for host in (0, 1))
    run_next_trial(one, Said())  # the baseline
    original, asked = ask.begin_trial, []

    def while_the_other_asks(*given: Any) -> optuna.Trial:
        if not asked:
            asked.append(None)
            asked[0] = ask.ask(two, Said())
        return original(*given)

    monkeypatch.setattr(ask, "begin_trial", while_the_other_asks)
    taken = ask.ask(one, Said())
    assert taken is not None and taken.trial.number != asked[0].trial.number
    own, other = taken.trial, asked[0].trial
    assert suggest(own, one.plan.base.space) != suggest(other, two.plan.base.space)


def test_a_baseline_that_two_hosts_put_in_line_is_trained_once(hosts: Hosts) -> None:
    one = hosts.open(0, trials=2)
    one.study.enqueue_trial(dict(one.plan.baseline))
    while run_next_trial(one, Said()):
        pass
    assert [t.state.name for t in one.study.trials] == ["COMPLETE", "FAIL", "COMPLETE"]
    assert one.study.trials[0].params == {"learning_rate": 1e-3} != one.study.trials[2].params


def test_one_of_many_that_replace_an_attribute_together_does(hosts: Hosts) -> None:
    hosts.open(0)
    stands: list[Any] = []
    start = threading.Barrier(8)

    def work(own: int) -> None:
        study = optuna.load_study(study_name="tiny", storage=hosts.storage(0))
        start.wait()
        stands.append((own, replace_attribute(study, "key", None, own)))

    threads = [threading.Thread(target=work, args=(own,)) for own in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stands) == 8 and len({value for _, value in stands}) == 1
    study = optuna.load_study(study_name="tiny", storage=hosts.storage(0))
    winner = study.user_attrs["key"]
    assert (winner, winner) in stands
    assert replace_attribute(study, "key", winner + 1, "x") == winner
    assert replace_attribute(study, "key", winner, "x") == "x" == study.user_attrs["key"]


def under_way_elsewhere(study: OpenStudy) -> optuna.Trial:
    trial = study.study.ask()
    trial.set_user_attr(OWNER, ELSEWHERE.to_dict())
    trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True)
    return trial


@dataclass
class OnWaiting(Said):
    """A display that calls what a test wants to happen once it is waited for another host."""

    then: Callable[[], Any] = lambda: None

    def say(self, text: str) -> None:
        super().say(text)
        if text == "waiting for what other processes run: trial 0 of tiny on elsewhere":
            self.then()


@pytest.mark.slow
def test_tune_takes_the_last_trial_over_from_a_host_that_died(hosts: Hosts) -> None:
    trial = under_way_elsewhere(hosts.open(1, trials=2))
    long_ago = time.time() - lease_seconds() - 1
    display = OnWaiting(then=lambda: trial.set_user_attr(BEAT, long_ago))
    study, _ = hosts.run(0, display, trials=2)
    assert [t.state.name for t in study.trials] == ["FAIL", "COMPLETE", "COMPLETE"]
    assert study.trials[2].user_attrs[RETRY_OF] == 0
    assert study.trials[2].params == trial.params


def test_tune_waits_for_the_last_trial_of_a_host_that_lives(hosts: Hosts) -> None:
    other = hosts.open(1, trials=2)
    trial = under_way_elsewhere(other)
    display = OnWaiting(then=lambda: other.study.tell(trial, 0.5))
    study, _ = hosts.run(0, display, trials=2)
    assert display.started == [1]
    assert [t.state.name for t in study.trials] == ["COMPLETE", "COMPLETE"]


@pytest.mark.parametrize(
    ("owner", "where"),
    [
        (ELSEWHERE, "ran on elsewhere"),
        (
            this_process(),
            "ran on this machine, and was ended before its first epoch was saved, or was run in "
            "another project directory",
        ),
    ],
)
def test_a_promotion_of_a_trial_whose_checkpoint_is_not_here_says_that_it_begins_again(
    hosts: Hosts, owner: Owner, where: str
) -> None:
    options = {"reduction_factor": 2, "promotion": True}
    one = hosts.open(
        0,
        trials=4,
        pruner={"name": "successive_halving", "options": options},
        **{"training.epochs": 2},
    )
    baseline = one.study.ask()
    baseline.report(0.9, 1)
    one.study.tell(baseline, 0.9)
    for value in (0.4, 0.3, 0.2):
        params = {"learning_rate": value / 100}
        one.study.add_trial(
            create_trial(
                state=TrialState.PRUNED,
                params=params,
                distributions={
                    "learning_rate": optuna.distributions.FloatDistribution(1e-4, 1e-2, log=True)
                },
                intermediate_values={1: value},
                user_attrs={OWNER: owner.to_dict()},
            )
        )
    display = Said()
    assert run_next_trial(one, display)
    assert one.study.trials[4].user_attrs[PROMOTES] == 1
    said = f"trial 4 begins at epoch 1: no checkpoint of trial 1 is here; it {where}"
    assert said in display.lines
    assert (4, 1) in display.epochs


def test_best_says_where_another_hosts_bundle_is_and_predicts_with_mlflows_copy(
    hosts: Hosts,
) -> None:
    trial = best_of(hosts, 0)
    there = ["--storage", hosts.url, "--set", f"tracking.uri={hosts.uri}"]
    Image.new("RGB", (64, 32)).save(hosts.projects[1] / "street.png")
    shown = segexp(hosts.projects[1], "best", "tiny", *there)
    said = " ".join(shown.out.split())
    assert shown.code == 0
    assert f"bundle: not here; the trial ran on {this_process().host}" in said
    assert f"MLflow run: {trial.user_attrs[RUN_ID]}" in said
    words = ["--predict", str(hosts.projects[1] / "street.png"), "--out", str(hosts.projects[1])]
    assert segexp(hosts.projects[1], "best", "tiny", *there, *words).code == 0
    assert (hosts.projects[1] / "street_mask.png").is_file()


@pytest.mark.slow
def test_a_third_place_has_what_the_trial_left_from_two_urls(hosts: Hosts) -> None:
    best_of(hosts, 0)
    third = hosts.projects[1]
    there = ["--set", f"storage={hosts.url}", "--set", f"tracking.uri={hosts.uri}"]
    suggested = segexp(third, "mapping", "suggest", "--study", "tiny", "--classes", "5", *there)
    assert suggested.code == 0, suggested.err
    assert "reading confusions.npz from the artifacts of MLflow run" in suggested.err
    again = segexp(third, "mapping", "suggest", "--study", "tiny", "--classes", "5", *there)
    assert again.code == 0 and "reading confusions.npz" not in again.err
    shown = segexp(third, "worst", "tiny", "--split", "val", "--json", *there)
    assert shown.code == 0, shown.err
    assert "reading bundle/README.md, bundle/bundle.json, bundle/model.safetensors" in " ".join(
        shown.err.split()
    )
    here = segexp(hosts.projects[0], "worst", "tiny", "--split", "val", "--json", *there)
    assert json.loads(shown.out) == json.loads(here.out)


def test_a_host_joins_a_study_while_the_tracking_server_is_away(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"http://127.0.0.1:{free_port()}"
    away = {"tracking.uri": uri}
    with pytest.raises(WorkError, match="only a begun study can do without its server"):
        hosts.open(0, **away)
    with monkeypatch.context() as while_it_answered:
        while_it_answered.setattr(
            tracking,
            "open_experiment",
            lambda project, uri, name, *_: tracking.join_experiment(project, uri, "7", name),
        )
        monkeypatch.setattr(open_study, "FOR_STUDY_RUN", 0.1)
        one = hosts.open(0, **away)
    place = recorded_place(one.study.user_attrs)
    assert place is not None and place.id == "7"
    two = hosts.open(1, **away)
    assert (two.experiment.id, two.experiment.name) == ("7", "tiny")
    assert two.parent.id == one.parent.id
    assert run_next_trial(two, Said())
    assert tracking.pending_records(hosts.projects[1].absolute(), uri) > 10


def data_of(hosts: Hosts, host: int, name: str) -> dict[str, Any]:
    """The same images on every host, in a folder of its own name."""
    root = camvid_like(hosts.projects[host] / name, train=3, val=2, test=1)
    return {"data.format": "folder", "data.root": str(root), "mapping": "camvid11"}


@pytest.mark.slow
def test_the_same_data_in_a_folder_of_another_name_is_the_same_study_and_other_data_is_refused(
    hosts: Hosts,
) -> None:
    one, two = data_of(hosts, 0, "camvid"), data_of(hosts, 1, "CamVid copy")
    begun, _ = hosts.run(0, trials=1, **one)
    study, display = hosts.run(1, trials=2, **two)
    assert study.user_attrs == begun.user_attrs
    assert display.started == [1]
    assert study.trials[1].state == TrialState.COMPLETE
    run = hosts.client.get_run(study.trials[1].user_attrs[RUN_ID])
    assert run.data.tags["segexp.dataset"] == "CamVid copy"
    digest = begun.user_attrs[DEFINITION]["data"].rpartition(" ")[2]
    assert run.data.tags["segexp.dataset_hash"] == digest

    root = hosts.projects[1] / "CamVid copy"
    mask = np.array(Image.open(root / "valannot" / "val_0.png"))
    mask[-1, -1] = (mask[-1, -1] + 1) % 10
    Image.fromarray(mask).save(root / "valannot" / "val_0.png")
    with pytest.raises(InputError) as refused:
        hosts.run(1, trials=3, **two)
    fault, _ = refused.value.faults
    assert f"was begun with data = camvid {digest}, now it is CamVid copy " in fault
    assert f", read from {root} on {this_process().host}: " in fault
    assert "--data or SEGEXP_DATA" in fault
    assert len(hosts.run(0, trials=2, **one)[0].trials) == 2


@pytest.mark.slow
def test_hosts_that_begin_at_once_on_folders_of_other_names_begin_one_study(
    hosts: Hosts,
    postgres_url: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hosts.url = postgres_url  # whose server has a lock for both
    folders = [data_of(hosts, 0, "camvid"), data_of(hosts, 1, "CamVid copy")]
    namings = [Naming(("tiny",), "camvid"), Naming(("tiny",), "CamVid copy")]
    # Both have looked for a study, and found none.
    plans = [
        with_name(hosts.plan(host, trials=2, **folders[host]), namings[host].name)
        for host in range(2)
    ]
    displays = [Said(), Said()]
    opened = threading.Barrier(2)

    def open_together(*values: Any) -> Dataset:
        dataset = open_data(*values)
        opened.wait(60)
        return dataset

    monkeypatch.setattr("segexp.study.run.open_data", open_together)

    def begin(host: int) -> optuna.Study:
        storage = hosts.storage(host)
        return run_study(plans[host], storage, displays[host], naming=namings[host])[0]

    with ThreadPoolExecutor() as pool:
        studies = list(pool.map(begin, range(2)))
    names = {study.study_name for study in studies}
    assert len(names) == 1 and names < {"tiny-camvid", "tiny-CamVid-copy"}
    assert optuna.get_all_study_names(hosts.storage(0)) == [*names]
    assert [t.state for t in studies[0].trials] == [TrialState.COMPLETE] * 2
    joined = [line for said in displays for line in said.lines if "was begun on the data" in line]
    assert len(joined) == 1
    assert len(runs_of_kind(hosts, "study")) == 1


AUTO = {"training.precision": "auto"}


def with_units(monkeypatch: pytest.MonkeyPatch, has_units: bool) -> None:
    """Be a host whose processor has units for bf16, or none."""
    monkeypatch.setattr(compute, "_has_bf16_units", lambda device: has_units)


@pytest.mark.slow
def test_a_host_of_another_precision_is_refused_or_joins_and_each_trial_says_its_own(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_units(monkeypatch, True)
    begun, _ = hosts.run(0, trials=1, **AUTO)
    assert begun.user_attrs[DEFINITION][PRECISION_KEY] == "bf16"
    with_units(monkeypatch, False)
    with pytest.raises(InputError, match=r"begun with training\.precision = bf16, on ") as refused:
        hosts.run(1, trials=2, **AUTO)
    assert "--mixed joins it in fp32" in refused.value.faults[0]
    study, _ = run_study(hosts.plan(1, trials=2, **AUTO), hosts.storage(1), Said(), mixed=True)
    assert study.user_attrs[DEFINITION] == begun.user_attrs[DEFINITION]
    assert [trial.user_attrs[PRECISION] for trial in study.trials] == ["bf16", "fp32"]
    runs = [hosts.client.get_run(trial.user_attrs[RUN_ID]) for trial in study.trials]
    assert [run.data.tags["segexp.precision"] for run in runs] == ["bf16", "fp32"]
    page = study_page(view_study(study))
    assert "Hosts of mixed precision: 1 trial in bf16 and 1 trial in fp32." in page
    again, display = hosts.run(1, trials=3, **{"training.precision": "bf16"})  # as it was begun
    assert display.started == [2] and again.trials[2].user_attrs[PRECISION] == "bf16"


@pytest.mark.slow
def test_a_study_that_did_not_say_its_precision_says_it_from_its_next_opening_on(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_units(monkeypatch, False)
    study, _ = hosts.run(0, trials=1, **AUTO)
    before = {**study.user_attrs[DEFINITION], PRECISION_KEY: "auto"}
    study.set_user_attr(DEFINITION, before)  # as it was written once
    resumed, display = hosts.run(0, trials=2, **AUTO)
    assert len(resumed.trials) == 2
    (line,) = (line for line in display.lines if "did not say" in line)
    assert "it is taken to be fp32, as here, from now on" in line
    assert resumed.user_attrs[DEFINITION] == {**before, PRECISION_KEY: "fp32"}
    with_units(monkeypatch, True)
    with pytest.raises(InputError, match=r"begun with training\.precision = fp32, on "):
        hosts.run(1, trials=3, **AUTO)


def test_of_hosts_that_begin_a_study_at_once_one_says_what_it_is(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_units(monkeypatch, True)
    looked = open_study.is_known

    def while_the_other_begins(*values: Any, **options: Any) -> bool:
        known = looked(*values, **options)
        monkeypatch.setattr(open_study, "is_known", looked)
        with_units(monkeypatch, False)
        hosts.open(1, **AUTO)
        with_units(monkeypatch, True)
        return known

    monkeypatch.setattr(open_study, "is_known", while_the_other_begins)
    with pytest.raises(InputError, match=r"begun with training\.precision = fp32, on "):
        hosts.open(0, **AUTO)
    study = optuna.load_study(study_name="tiny", storage=hosts.storage(0))
    assert study.user_attrs[DEFINITION][PRECISION_KEY] == "fp32"


@pytest.mark.slow
def test_ab_answers_on_every_host_whoever_trained(hosts: Hosts) -> None:
    answers, displays = [], [Said(), Said()]
    there = ["--set", f"storage={hosts.url}", "--set", f"tracking.uri={hosts.uri}"]
    for host, display in enumerate(displays):
        if answers:
            page = segexp(hosts.projects[host], "report", "ab", *there)
            assert page.code == 0, page.err
            assert "A/B study 'ab' answered elsewhere: reading" in page.err
            result = hosts.projects[host] / "runs" / "ab" / "ab_result.json"
            assert json.loads(result.read_text(encoding="utf-8")) == answers[0]
        hosts.plan(host)  # writes the study's file
        plan = plan_ab(
            hosts.projects[host],
            "tiny",
            parse_arms(["cityscapes19", "merged10"]),
            {"storage": hosts.url, "tracking.uri": hosts.uri},
            name="ab",
            design=Design("matched", configs=1, seeds=2),
        )
        answer, _ = run_ab(plan, Question(0.01, "auto"), hosts.storage(host), display)
        answers.append(answer)
    assert displays[0].started and not displays[1].started
    assert answers[0] == answers[1]
    assert not any("no images in the page" in line for line in displays[1].lines)
    assert [run.info.status for run in runs_of_kind(hosts, "arm")] == ["FINISHED"] * 2
