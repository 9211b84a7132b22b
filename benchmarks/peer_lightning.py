"""segexp's training against what a user would write with smp, Lightning and albumentations.

pip install 'segexp[peer]'
python benchmarks/peer_lightning.py                          # both sizes, three seeds
python benchmarks/peer_lightning.py --sizes 64x128 --seeds 1 --epochs 3

The peer is `benchmarks/lightning_peer.py`, after smp's own multiclass example: PNG files, a
DataLoader, a LightningModule, torchmetrics. Its *default form* is fp32, with metrics in training,
too, as in the example; its *strict form* is bf16-mixed in channels_last, with metrics in validation
only. segexp's rungs are fp32, fp32 in channels_last, and bf16 in channels_last: `fit` with its
loader, its evaluation by three rulers and its checkpoints. Same model, first weights, images, loss,
optimizer, schedule and clipping on all sides; all sides of a seed take turns before the next seed.

Exit status 1 when the sides do not learn the same: the mean over the seeds of the last epoch's
mIoU, and of the mean over the epochs, differs by more than `--tolerance` from the default form's,
or bf16's from fp32's by more than 0.01. mIoU comes from one confusion matrix on both sides.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import bare
import torch
from lightning_peer import save_png_files, train_peer
from one_trial import Scenes, clock_named, draw_scenes, fit_scenes, setting, spread, verdict

from segexp.evaluation.evaluate import keep
from segexp.evaluation.metrics import OWN, miou
from segexp.training.checkpoint import Checkpoints, EpochRecord, Learned, Progress
from segexp.training.compute import Compute, choose_compute
from segexp.training.fit import Optimization, Step, make_optimizer

OPTIMIZATION = Optimization("adamw", 1e-3, 1e-4, "cosine", 0.5, bare.CLIP)  # config.yaml's
GOALS = {(64, 128): 1.6, (128, 256): 2.1}
BF16_TOLERANCE = 0.01
DEFAULT, STRICT = "peer, default form", "peer, strict form"
FP32, LAYOUT, BF16 = "segexp, fp32", "segexp, + channels_last", "segexp, + bf16"


@dataclass(frozen=True)
class Training:
    """What one training showed: seconds and mIoU of each epoch, and training images a second."""

    epoch_seconds: list[float]
    images_per_s: list[float]
    miou: list[float]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", type=bare.size, default=[(64, 128), (128, 256)])
    parser.add_argument("--images", type=int, default=96, help="to train on; a third to validate")
    parser.add_argument("--model", default="Unet/mobilenet_v2/0.5", help="arch/encoder/width")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--peer-workers", type=int, default=0, help="the peer's DataLoader's")
    parser.add_argument("--epochs", type=int, default=9)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--tolerance", type=float, default=0.02, help="of mIoU, peer and segexp")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    packages = ("segmentation-models-pytorch", "albumentations", "lightning", "torchmetrics")
    print(f"{setting(choose_compute('auto'), *packages)}.")
    print(
        f"{given.model}, batch {bare.BATCH_SIZE}, {given.epochs} epochs, {given.seeds} seeds in "
        f"turn, {given.peer_workers} workers in the peer's DataLoader; medians of all epochs but "
        f"each training's first (smallest to largest), by {given.clock} clock.\n"
    )
    faults = []
    for size in given.sizes:
        with tempfile.TemporaryDirectory(prefix="segexp-") as directory:
            trainings = train_all(size, Path(directory), given)
        print_table(size, trainings)
        faults += [f"{size[0]}x{size[1]}: {f}" for f in differences(trainings, given.tolerance)]
    if faults:
        sys.exit("the sides do not learn the same: " + "; ".join(faults))


def train_all(
    size: tuple[int, int], directory: Path, given: argparse.Namespace
) -> dict[str, list[Training]]:
    """Train every side with every seed; all sides of a seed before the next seed."""
    scenes = draw_scenes(size, directory / "cache", given.images, given.images // 3)
    save_png_files(scenes, directory / "png")
    clock = clock_named(given.clock)
    device = choose_compute("auto").device
    fp32 = Compute(device, bf16=False, channels_last=False)
    layout = Compute(device, bf16=False, channels_last=True)
    bf16 = Compute(device, bf16=True, channels_last=True)

    def peer(compute: Compute, name: str, seed: int) -> Training:
        return Training(
            *train_peer(
                scenes,
                directory / "png",
                OPTIMIZATION,
                name,
                seed,
                compute,
                epochs=given.epochs,
                workers=given.peer_workers,
                clock=clock,
            )
        )

    own = partial(train_segexp, scenes, directory / "segexp", epochs=given.epochs, clock=clock)
    sides = {
        DEFAULT: partial(peer, fp32),
        STRICT: partial(peer, bf16),
        FP32: partial(own, fp32),
        LAYOUT: partial(own, layout),
        BF16: partial(own, bf16),
    }
    trainings: dict[str, list[Training]] = {name: [] for name in sides}
    for seed in range(given.seeds):
        for name, train in sides.items():
            trainings[name].append(train(given.model, seed))
            print(f"{name}, seed {seed}: {trainings[name][-1]}", file=sys.stderr)
    return trainings


def train_segexp(
    scenes: Scenes,
    directory: Path,
    compute: Compute,
    name: str,
    seed: int,
    *,
    epochs: int,
    clock: Callable[[], float],
) -> Training:
    """Train as `segexp.study.trial` does, checkpoints included, without its MLflow run."""
    model = bare.make(name, compute, seed)
    optimizer = make_optimizer(model, OPTIMIZATION)
    place = f"{compute.device.type}-{compute.bf16}-{compute.channels_last}-{seed}"
    checkpoints = Checkpoints(directory / place, "benchmark")
    progress, seconds, speeds = Progress(), [], []
    stepped = [0.0]  # when the latest step was done

    def note(step: Step) -> None:
        stepped[0] = clock()

    results = fit_scenes(
        model, optimizer, scenes, compute, OPTIMIZATION, epochs=epochs, seed=seed, on_step=note
    )
    begun = clock()
    for result in results:
        value = miou(result.validation.confusion(OWN))
        history = (*progress.history, EpochRecord(value, {}))
        is_best = value == max(past.value for past in history)
        progress = Progress(
            history,
            result.epoch if is_best else progress.best_epoch,
            keep(result.validation) if is_best else progress.best,
        )
        checkpoints.save(Learned(model, optimizer), progress, is_last=result.epoch == epochs)
        seconds.append(clock() - begun)
        speeds.append(len(scenes.dataset.train) / (stepped[0] - begun))
        begun = clock()
    return Training(seconds, speeds, [past.value for past in progress.history])


def print_table(size: tuple[int, int], trainings: dict[str, list[Training]]) -> None:
    """Print the speeds as ratios to the default form's median, and mIoU by epoch."""
    shape = "x".join(map(str, size))
    goals = {BF16: f" (goal {GOALS[size]})"} if size in GOALS else {}
    speeds, seconds = ({n: later(t, of) for n, t in trainings.items()} for of in (True, False))
    print(f"| {shape} | training images/s | ratio | epoch with validation, s | ratio | last mIoU |")
    print("|---|---|---|---|---|---|")
    for name, runs in trainings.items():
        ratio = statistics.median(speeds[name]) / statistics.median(speeds[DEFAULT])
        whole = statistics.median(seconds[DEFAULT]) / statistics.median(seconds[name])
        last = " ".join(f"{run.miou[-1]:.3f}" for run in runs)
        print(
            f"| {name} | {spread(speeds[name])} | {ratio:.2f}{goals.get(name, '')} "
            f"| {spread(seconds[name], 2)} | {whole:.2f} | {mean_of(runs)[-1]:.3f} ({last}) |"
        )
    reached = statistics.median(speeds[BF16]) / statistics.median(speeds[DEFAULT])
    if size in GOALS:
        print(
            f"\nGoal {GOALS[size]} against the default form: {verdict(reached >= GOALS[size])}.",
            end=" ",
        )
    ahead = statistics.median(speeds[BF16]) / statistics.median(speeds[STRICT])
    print(f"Against the strict form: {ahead:.2f} (ahead: {verdict(ahead > 1)}).\n")
    epochs = range(1, len(mean_of(trainings[DEFAULT])) + 1)
    print(f"| mIoU, mean of the seeds, {shape} |", " | ".join(f"epoch {e}" for e in epochs), "|")
    print("|" + (1 + len(epochs)) * "---|")
    for name, runs in trainings.items():
        print(f"| {name} |", " | ".join(f"{m:.3f}" for m in mean_of(runs)), "|")
    print(flush=True)


def later(runs: list[Training], speeds: bool) -> list[float]:
    """Return the speeds or seconds of all epochs but each training's first, which warms up."""
    return [x for r in runs for x in (r.images_per_s if speeds else r.epoch_seconds)[1:]]


def mean_of(runs: list[Training]) -> list[float]:
    """Return the mean mIoU of the seeds, epoch by epoch."""
    return [statistics.fmean(values) for values in zip(*(r.miou for r in runs), strict=True)]


def differences(trainings: dict[str, list[Training]], tolerance: float) -> list[str]:
    """Say whose mIoU is not the default form's, or, for bf16, not fp32's."""
    pairs = [(name, DEFAULT, tolerance) for name in trainings if name != DEFAULT]
    pairs += [(BF16, LAYOUT, BF16_TOLERANCE)]
    faults = []
    for name, other, allowed in pairs:
        curve, expected = mean_of(trainings[name]), mean_of(trainings[other])
        for what, of in (
            ("last mIoU", lambda c: c[-1]),
            ("mean mIoU of the epochs", statistics.fmean),
        ):
            if abs(of(curve) - of(expected)) > allowed:
                faults.append(
                    f"{what} of {name} {of(curve):.3f}, of {other} {of(expected):.3f}, "
                    f"more than {allowed} apart"
                )
    return faults


if __name__ == "__main__":
    main()
