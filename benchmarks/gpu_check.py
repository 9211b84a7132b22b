"""What only a GPU can show, in one run of 9 minutes at most, as one table.

python benchmarks/gpu_check.py                          # on one GPU
python benchmarks/gpu_check.py --checks bf16 resume     # some of the checks
python benchmarks/gpu_check.py --device cpu             # tiny sizes, to try the script itself

Each check runs in its own process and has a time limit: one that fails or runs out of time does not
stop the others. The peer needs `pip install 'segexp[peer]'`. On a CPU the limits are ten
times as long. Exit status 1 when a check fails, 2 without a GPU.
"""

import argparse
import importlib.util
import math
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bare
import bare_loop
import optuna
import psutil
import torch
import workers
import yaml
from one_trial import Scenes, draw_scenes, fit_scenes, scene_batches

from segexp.core.config_keys import load_config
from segexp.data.batches import Batches
from segexp.evaluation.evaluate import Evaluation, keep
from segexp.evaluation.metrics import OWN, miou
from segexp.study.single import run_training
from segexp.study.storage.open import open_storage
from segexp.training.checkpoint import Checkpoints, EpochRecord, Learned, Progress
from segexp.training.compute import Compute, choose_compute
from segexp.training.fit import EpochResult, make_optimizer
from segexp.training.ranks import RankDiedError

ROOT = Path(__file__).parents[1]
IN_ALL = 560
"""Seconds for all checks together, on a GPU."""

SAME_MIOU = 0.05
"""How far the mean mIoU of three seeds in bf16 may be from that in float32."""

SAME_SCORE = 0.1
"""How far a trial's score may be from that of the same trial beside another one, on a GPU."""

SAME_LOSS = 0.02
"""How far a resumed training's losses may be from those of a whole one on a GPU, relative."""


@dataclass(frozen=True)
class Sizes:
    """How much a check trains.

    Attributes:
        image: Height and width.
        model: As `bare.make` names it.
        train: Training images.
        val: Validation images.
        epochs: Of each training.
        seeds: Trainings of each kind.
        trials: Of each study.
        tests: Where pytest looks for those that need a GPU.
    """

    image: tuple[int, int]
    model: str
    train: int
    val: int
    epochs: int
    seeds: int
    trials: int
    tests: str


ON_GPU = Sizes((128, 256), "Unet/mobilenet_v2/0.5", 96, 32, 9, 3, 6, "tests")
ON_CPU = Sizes((32, 64), "Unet/mobilenet_v2/0.25", 16, 5, 2, 1, 2, "tests/training/test_compute.py")


class FailedError(Exception):
    """A check found what must not be."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--checks", nargs="+", choices=CHECKS, default=list(CHECKS))
    parser.add_argument("--seconds", type=float, help=f"for all checks together; {IN_ALL} on a GPU")
    parser.add_argument("--here", choices=CHECKS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    elif not torch.cuda.is_available():
        print("no GPU: --device cpu tries this script with tiny sizes", file=sys.stderr)
        sys.exit(2)
    if given.here:
        check, sizes = CHECKS[given.here][1], ON_GPU if given.device == "cuda" else ON_CPU
        try:
            print(check(sizes))
        except FailedError as error:
            sys.exit(str(error))
        return
    print(f"{choose_compute('auto').description}, torch {torch.__version__}.\n")
    print("| check | result | figure | seconds |\n|---|---|---|---|", flush=True)
    slower = 1 if given.device == "cuda" else 10
    ends = time.monotonic() + (given.seconds or slower * IN_ALL)
    failed = 0
    for name in given.checks:
        begun = time.monotonic()
        result, figure = run(name, given.device, min(slower * CHECKS[name][0], ends - begun))
        failed += result != "passed"
        print(f"| {name} | {result} | {figure} | {time.monotonic() - begun:.0f} |", flush=True)
    sys.exit(failed > 0)


def run(name: str, device: str, seconds: float) -> tuple[str, str]:
    """Run one check in its own process; return its result and its figure, or why not."""
    if seconds <= 0:
        return "no time left", ""
    command = [sys.executable, __file__, "--device", device, "--here", name]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that what it started ends with it
    )
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return "out of time", f"more than {seconds:.0f} s"
    if process.returncode:
        print(out, err, sep="", file=sys.stderr)
    lines = (err if process.returncode else out).strip().splitlines() or ["no output"]
    return "failed" if process.returncode else "passed", lines[-1].replace("|", "/")


def tests(sizes: Sizes) -> str:
    """Run the tests that carry the marker cuda."""
    command = [sys.executable, "-m", "pytest", "-m", "cuda", "-p", "no:cacheprovider", sizes.tests]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    if done.returncode or (sizes is ON_GPU and "skipped" in lines[-1]):
        raise FailedError(f"{done.stdout}\n{lines[-1]}")
    return lines[-1]


def bare_training(sizes: Sizes) -> str:
    """Compare with the bare loop of `bare_loop.py`, with its tolerances."""
    compute = choose_compute("auto")
    with drawn(sizes) as scenes:
        if differences := bare_loop.differences_of(sizes.model, scenes, compute):
            raise FailedError("; ".join(differences))
        of_formats, own = bare_loop.speeds(
            sizes.model, scenes, compute, sizes.epochs, time.perf_counter
        )
    fastest = max(map(statistics.median, of_formats.values()))
    speed = statistics.median(own)
    return f"{speed:.0f} images/s, {speed / fastest:.2f} of the bare loop's"


def peer(sizes: Sizes) -> str:
    """Compare with what a user would write, by `peer_lightning.py` and its tolerances."""
    if not all(map(importlib.util.find_spec, ("lightning", "torchmetrics"))):
        raise FailedError("needs pip install 'segexp[peer]'")
    command = [sys.executable, str(ROOT / "benchmarks" / "peer_lightning.py")]
    command += ["--sizes", "x".join(map(str, sizes.image)), "--model", sizes.model]
    command += ["--images", str(sizes.train), "--epochs", str(sizes.epochs)]
    command += ["--seeds", str(sizes.seeds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # A few steps on a CPU say nothing about learning.
    excused = sizes is ON_CPU and "do not learn the same" in done.stderr
    if done.returncode and not excused:
        raise FailedError(done.stderr)
    row = next(line for line in done.stdout.splitlines() if line.startswith("| segexp, + bf16"))
    _, _, speed, ratio, *_ = row.split("|")
    return f"{speed.split()[0]} images/s, {ratio.split()[0]} times the peer's"


def batches(sizes: Sizes) -> str:
    """Measure how fast one core makes batches and copies them to the device."""
    device = choose_compute("auto").device
    with drawn(sizes) as scenes:
        speed = images_per_s(scene_batches(scenes), sizes, device)
    return f"{speed:.0f} images/s, made by one core"


def bf16(sizes: Sizes) -> str:
    """Train in float32 and in bf16; both learn the same."""
    device = choose_compute("auto").device
    layout = Compute(device, bf16=False, channels_last=True)
    mious, speeds = [], []
    with drawn(sizes) as scenes:
        for compute in (layout, replace(layout, bf16=True)):
            last = []
            for seed in range(sizes.seeds):
                model = bare.make(sizes.model, compute, seed)
                optimizer = make_optimizer(model, bare_loop.OPTIMIZATION)
                *_, result = fit_scenes(
                    model,
                    optimizer,
                    scenes,
                    compute,
                    bare_loop.OPTIMIZATION,
                    epochs=sizes.epochs,
                    seed=seed,
                )
                last.append(result)
            mious.append(statistics.fmean(miou(r.validation.confusion(OWN)) for r in last))
            speeds.append(statistics.median(r.images_per_s for r in last))
    figure = f"mIoU {mious[1]:.3f} and {mious[0]:.3f}, {speeds[1] / speeds[0]:.2f} times as fast"
    if not abs(mious[1] - mious[0]) <= SAME_MIOU:
        raise FailedError(figure)
    return figure


def resume(sizes: Sizes) -> str:
    """Resume a training, and compare it with a whole one, as two of one seed are compared."""
    compute = choose_compute("auto")
    os.environ["SEGEXP_CHECKPOINT_SECONDS"] = "0"
    with drawn(sizes) as scenes, tempfile.TemporaryDirectory() as directory:
        places = [Path(directory) / name for name in ("whole", "again", "cut")]
        whole, again = (losses(sizes, scenes, compute, place) for place in places[:2])
        losses(sizes, scenes, compute, places[2], stop_after=sizes.epochs // 2)
        torch.manual_seed(99)  # as in another process
        resumed = losses(sizes, scenes, compute, places[2])
    apart, by_itself = (largest_difference(found, whole) for found in (resumed, again))
    figure = f"losses {apart:.1e} apart, those of two runs {by_itself:.1e}"
    if not apart <= (SAME_LOSS if sizes is ON_GPU else 0):
        raise FailedError(figure)
    return figure


def two_workers(sizes: Sizes) -> str:
    """Let two workers share the device, and compare with one of them."""
    seconds, scores = [], []
    with tempfile.TemporaryDirectory(prefix="segexp-") as directory:
        for count in ("1", "2"):
            project = workers.make_project(Path(directory) / count)
            config = yaml.safe_load((project / "config.yaml").read_text())
            counts = {"train": sizes.train, "val": sizes.val, "test": sizes.val, "seed": 0}
            config["data"] |= {"image_size": list(sizes.image), "synthetic": counts}
            (project / "config.yaml").write_text(yaml.safe_dump(config))
            begun = time.perf_counter()
            workers.tune(project, count, None, sizes.trials, sizes.epochs // 2)
            seconds.append(time.perf_counter() - begun)
            trials = study_trials(project)
            if [t.state.name for t in trials] != ["COMPLETE"] * sizes.trials:
                raise FailedError(f"{count} workers: {[t.state.name for t in trials]}")
            scores.append({tuple(sorted(t.params.items())): t.value or 0.0 for t in trials})
    if scores[0].keys() != scores[1].keys():
        raise FailedError("two workers did not run the trials of one")
    apart = max(abs(scores[1][params] - value) for params, value in scores[0].items())
    figure = f"{seconds[0] / seconds[1]:.2f} times as fast as one, scores {apart:.1e} apart"
    if apart > SAME_SCORE:
        raise FailedError(figure)
    return figure


def two_devices(sizes: Sizes) -> str:
    """Train on two devices, compare with one, and kill the process of the second device."""
    if sizes is ON_GPU and (count := torch.cuda.device_count()) < 2:
        return f"skipped: needs two GPUs, and there is {count}"
    with tempfile.TemporaryDirectory(prefix="segexp-") as directory:
        project = workers.make_project(Path(directory) / "project")
        values = {
            "data.image_size": list(sizes.image),
            "data.synthetic.train": sizes.train,
            "data.synthetic.val": sizes.val,
            "data.synthetic.test": sizes.val,
            "training.epochs": max(2, sizes.epochs),
            "training.precision": "fp32",
        }
        found = []
        for devices in (1, 2):
            values |= {"training.devices": devices}
            found.append(first_loss(project, values))
        killed: list[float] = []
        try:
            first_loss(project, values, killed)
        except RankDiedError:
            noticed = time.monotonic() - killed[0]
        else:
            raise FailedError("nobody noticed that a process was killed")
    apart = abs(found[1] / found[0] - 1)
    figure = f"losses of an epoch {apart:.1e} apart, a killed process noticed in {noticed:.1f} s"
    # On a CPU a batch norm sees its own part of a batch.
    if sizes is ON_GPU and apart > SAME_LOSS:
        raise FailedError(figure)
    return figure


def first_loss(project: Path, values: dict[str, Any], killed: list[float] | None = None) -> float:
    """Train as `segexp train` does; return the training loss of the first epoch.

    Args:
        killed: Takes when the processes of other devices were killed, after that epoch; None to
            let them live.
    """
    losses: list[float] = []

    def nothing(*values: object, **more: object) -> None:
        pass

    def epoch(result: EpochResult[Evaluation], *values: object) -> None:
        losses.append(result.train_loss)
        if killed is not None:
            below = psutil.Process().children(recursive=True)
            for process in [p for p in below if p.ppid() != os.getpid()]:
                process.kill()
            killed.append(time.monotonic())

    silent = dict.fromkeys(("say", "caching", "step", "doing"), nothing)
    display: Any = SimpleNamespace(**silent, epoch=epoch)
    run_training(project, load_config(project / "config.yaml", values), display)
    return losses[0]


@contextmanager
def drawn(sizes: Sizes) -> Iterator[Scenes]:
    with tempfile.TemporaryDirectory(prefix="segexp-") as cache:
        yield draw_scenes(sizes.image, Path(cache), sizes.train, sizes.val)


def images_per_s(made: Batches, sizes: Sizes, device: torch.device) -> float:
    """Measure an epoch after a first one, which warms up."""
    for epoch in (1, 2):
        begun = time.perf_counter()
        made.set_epoch(epoch)
        last = [images.to(device, non_blocking=True) for images, _ in made][-1]
        float(last.sum())  # waits for the device
    return sizes.train / (time.perf_counter() - begun)


def losses(
    sizes: Sizes, scenes: Scenes, compute: Compute, directory: Path, stop_after: int | None = None
) -> list[float]:
    """Train from where the directory's checkpoint left off; return the losses of all epochs."""
    model = bare.make(sizes.model, compute)
    optimizer = make_optimizer(model, bare_loop.OPTIMIZATION)
    checkpoints = Checkpoints(directory, "check")
    progress = checkpoints.restore(Learned(model, optimizer))
    for result in fit_scenes(
        model,
        optimizer,
        scenes,
        compute,
        bare_loop.OPTIMIZATION,
        epochs=sizes.epochs,
        done=progress.epochs,
    ):
        record = EpochRecord(-result.validation.loss, {"loss": result.train_loss})
        progress = Progress((*progress.history, record), result.epoch, keep(result.validation))
        checkpoints.save(Learned(model, optimizer), progress, is_last=False)
        if result.epoch == stop_after:
            break
    return [x for past in progress.history for x in (past.metrics["loss"], -past.value)]


def largest_difference(found: list[float], expected: list[float]) -> float:
    pairs = zip(found, expected, strict=True)
    return max((abs(a / b - 1) for a, b in pairs), default=math.inf)


def study_trials(project: Path) -> list[optuna.trial.FrozenTrial]:
    study = optuna.load_study(study_name=workers.STUDY, storage=open_storage(None, project))
    return study.trials


CHECKS: dict[str, tuple[float, Callable[[Sizes], str]]] = {
    "tests": (130, tests),
    "bare-loop": (50, bare_training),
    "peer": (80, peer),
    "batches": (30, batches),
    "bf16": (50, bf16),
    "resume": (40, resume),
    "two-workers": (100, two_workers),
    "two-devices": (80, two_devices),
}
"""Seconds at most, and what it does; in all no more than `IN_ALL`."""


if __name__ == "__main__":
    main()
