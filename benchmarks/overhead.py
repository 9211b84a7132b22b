"""What a trial costs beside its training and validation: trials whose training does nothing.

python benchmarks/overhead.py                        # 50 trials of the default study
python benchmarks/overhead.py --trials 1000 --sampler random    # does it grow?

Everything else is real: sampling and pruning by Optuna, its storage, the model that is built, the
MLflow run with its metrics, tables, figures and overlays, the bundle of a trial that is the best so
far. Scores are drawn at random, so that trials are pruned and bests are beaten. The study runs in
this process; what it takes to load torch, optuna and mlflow is not counted.

Beside it stands what the libraries take alone: trials with the same params and as many epochs that
ask Optuna, build smp's model and record to MLflow params, metrics and two short files.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import optuna
import psutil
import segmentation_models_pytorch as smp
from mlflow.entities import Metric, Param
from optuna.trial import FrozenTrial
from study import machine, segexp

from segexp import tracking
from segexp.core.config_keys import parse_overrides
from segexp.evaluation.evaluate import Evaluation
from segexp.study import next_trial, prepare, trial, trial_record
from segexp.study.config import read_study
from segexp.study.plan import plan_study
from segexp.study.read_space import read_space
from segexp.study.run import run_study
from segexp.study.storage.open import open_storage
from segexp.training.fit import EpochResult, Trainer

GOAL_S = 0.1
WARM_UP = 3  # trials that are not counted


class Watch:
    """Seconds by part of a trial; a part within another one counts for the outer one alone."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.inside = False

    def stop(self) -> None:
        """Stop watching."""
        self.inside = True

    def over(self, owner: Any, name: str, part: str) -> None:
        """Watch every call of a function from now on."""
        function: Callable[..., Any] = getattr(owner, name)

        @wraps(function)
        def watched(*arguments: Any, **named: Any) -> Any:
            if self.inside:
                return function(*arguments, **named)
            self.inside, begun = True, time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                self.inside = False
                self.seconds[part] += time.perf_counter() - begun

        setattr(owner, name, watched)


class Display:
    """Shows nothing, and notes when trials end.

    Attributes:
        ended: Time, processor time and this process's memory in MiB when each trial ended.
        states: Their states.
    """

    def __init__(self) -> None:
        self.ended: list[tuple[float, float, float]] = []
        self.states: list[str] = []

    def say(self, text: str) -> None:
        """Print it beside the figures."""
        print(text, file=sys.stderr)

    def trial_ended(self, number: int, state: str, text: str) -> None:
        """Note the time."""
        memory = psutil.Process().memory_info().rss / 2**20
        self.ended.append((time.perf_counter(), time.process_time(), memory))
        self.states.append(state)

    def _nothing(self, *values: Any) -> None:
        pass

    caching = studied = trial_started = step = epoch = doing = _nothing

    def beside(self) -> "Display":
        """Return itself: there is one trial at a time."""
        return self


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--sampler", default="tpe")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE")
    given = parser.parse_args()
    display, watch = Display(), Watch()
    train_nothing()
    watch_parts(watch)
    with tempfile.TemporaryDirectory(prefix="segexp-overhead-") as directory:
        project = Path(directory) / "project"
        segexp("init", str(project))
        overrides: dict[str, Any] = {
            "trials": given.trials,
            "sampler": {"name": given.sampler, "seed": 0},
            **parse_overrides(given.set),
        }
        path, study, config = read_study(project, None, overrides)
        plan = plan_study(project, str(path), study, config, read_space(str(path), study, config))
        ran, _ = run_study(plan, open_storage(None, project), display)
        watch.stop()
        bare = run_bare(ran.trials, Path(directory))
    wall, cpu = [np.diff([moment[k] for moment in display.ended]) for k in (0, 1)]
    states = ", ".join(f"{n} {state.lower()}" for state, n in Counter(display.states).items())
    print(f"On {machine()}. Trials: {states}.\n")
    print_trials("a trial", wall[WARM_UP:], cpu[WARM_UP:])
    print_trials("the libraries alone", *np.transpose(bare[WARM_UP:]))
    print_parts(watch, sum(wall), len(wall))
    print_growth("seconds a trial", wall)
    print_growth("seconds a trial, the libraries alone", [seconds for seconds, _ in bare])
    print_growth("memory, MiB", [memory for _, _, memory in display.ended])


def train_nothing() -> None:
    """Put random scores in the place of training and scoring."""
    rng = np.random.default_rng(0)

    def drawn(ids: tuple[str, ...], rulers: Any) -> Evaluation:
        confusions = {}
        for name, ruler in rulers.items():
            classes = len(ruler.space.classes)
            matrix = rng.integers(0, 50, (len(ids), classes, classes), dtype=np.int64)
            right = rng.integers(0, 2_000, (len(ids), classes))
            matrix[:, range(classes), range(classes)] += right
            confusions[name] = matrix
        return Evaluation(ids, 1.0, confusions)

    class NoTrainer(Trainer[Evaluation]):
        def epochs(self, count: int, *, done: int = 0, **named: Any) -> Iterator[Any]:
            for epoch in range(done + 1, count + 1):
                yield EpochResult(epoch, 1.0, 1e-3, self.validate(), 1e-3, 1e3)

    def evaluate(
        model: Any, batches: Any, ids: tuple[str, ...], rulers: Any, **named: Any
    ) -> Evaluation:
        return drawn(ids, rulers)

    def evaluate_split(model: Any, split: Any, rulers: Any, **named: Any) -> Evaluation:
        return drawn(split.ids, rulers)

    for module, name, value in (
        (prepare, "Trainer", NoTrainer),
        (prepare, "evaluate", evaluate),
        (trial, "evaluate_split", evaluate_split),
    ):
        setattr(module, name, value)


def watch_parts(watch: Watch) -> None:
    watch.over(prepare, "make_model", "model")
    watch.over(prepare, "make_optimizer", "model")
    watch.over(prepare, "_weights_and_reading", "class weights")
    watch.over(trial_record, "log_overlays", "overlays")
    watch.over(trial, "_save_bundle", "bundle")
    for name in ("start_run", "log_yaml", "log_metrics", "log_file", "close_run"):
        watch.over(tracking, name, "MLflow")
    for name in ("log_result", "log_confusion"):
        watch.over(trial_record, name, "MLflow")
    watch.over(next_trial, "close_record", "MLflow")
    watch.over(next_trial, "suggest", "Optuna: sampling")
    for name in ("ask", "tell", "get_trials"):
        watch.over(optuna.Study, name, "Optuna: storage")
    for name in ("report", "should_prune", "set_user_attr"):
        watch.over(optuna.Trial, name, "Optuna: storage")


def run_bare(trials: list[FrozenTrial], directory: Path) -> list[tuple[float, float]]:
    """Let Optuna, smp and MLflow do what trials need of them; return time and processor time."""
    study = optuna.create_study(
        storage=f"sqlite:///{directory / 'bare-optuna.db'}",
        sampler=optuna.samplers.RandomSampler(seed=0),
        pruner=optuna.pruners.SuccessiveHalvingPruner(),
    )
    client = mlflow.MlflowClient(f"sqlite:///{directory / 'bare-mlflow.db'}")
    experiment = client.create_experiment("bare", (directory / "bare-mlruns").as_uri())
    seconds = []
    for known in trials:
        wall, cpu = time.perf_counter(), time.process_time()
        run_bare_trial(study, client, experiment, known)
        seconds.append((time.perf_counter() - wall, time.process_time() - cpu))
    return seconds


def run_bare_trial(
    study: optuna.Study, client: mlflow.MlflowClient, experiment: str, known: FrozenTrial
) -> None:
    trial = study.ask()
    for name, distribution in known.distributions.items():
        trial._suggest(name, distribution)
    smp.create_model(
        known.params["arch"], known.params["encoder"], encoder_weights=None, classes=19
    )
    run = client.create_run(experiment, tags={f"tag-{number}": "x" for number in range(10)})
    params = [Param(f"param-{number}", "x") for number in range(30)]
    client.log_batch(run.info.run_id, params=params)
    for name in ("mapping.yaml", "config.yaml"):
        client.log_text(run.info.run_id, "x", name)
    for epoch, value in known.intermediate_values.items():
        trial.report(value, epoch)
        now = int(time.time() * 1000)
        metrics = [Metric(f"metric-{number}", value, now, epoch) for number in range(10)]
        client.log_batch(run.info.run_id, metrics=metrics)
        trial.should_prune()
    study.tell(trial, 0.0)
    client.set_terminated(run.info.run_id)


def print_trials(what: str, wall: Any, cpu: Any) -> None:
    print(f"| {what} | median | lowest | highest | mean | goal |\n|---|---|---|---|---|---|")
    for name, seconds in (("seconds", wall), ("seconds of the processor", cpu)):
        reached = "reached" if np.median(seconds) <= GOAL_S else "**missed**"
        print(
            f"| {name} | {statistics.median(seconds):.3f} | {min(seconds):.3f} "
            f"| {max(seconds):.3f} | {statistics.fmean(seconds):.3f} | {GOAL_S}, {reached} |"
        )
    print()


def print_parts(watch: Watch, total: float, trials: int) -> None:
    print("| part | seconds a trial, mean | share |\n|---|---|---|")
    parts = sorted(watch.seconds.items(), key=lambda part: -part[1])
    for name, seconds in [*parts, ("all else", total - sum(watch.seconds.values()))]:
        print(f"| {name} | {seconds / trials:.4f} | {seconds / total:.0%} |")


def print_growth(what: str, values: Any) -> None:
    """Draw the values of the trials, from the first to the last."""
    tenth = max(1, len(values) // 10)
    means = [float(np.mean(values[k : k + tenth])) for k in range(0, tenth * 10, tenth)]
    print("\n```mermaid\nxychart-beta")
    print(
        f'    title "{what}: mean of each {tenth} trials"' if tenth > 1 else f'    title "{what}"'
    )
    print(f'    x-axis "trial" {tenth} --> {tenth * 10}')
    print(f'    y-axis "{what}" 0 --> {max(means) * 1.1:.3g}')
    print(f"    line [{', '.join(f'{mean:.4g}' for mean in means)}]\n```")


if __name__ == "__main__":
    main()
