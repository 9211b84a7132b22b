"""segexp's training against a bare loop, in one run: images a second, and peak memory.

python benchmarks/bare_loop.py                              # both sizes, the default model
python benchmarks/bare_loop.py --threads 1 --models Unet/resnet18/1 Segformer/mit_b0/1

The bare loop (`benchmarks/bare.py`) has the same model, batch size, precision, optimizer and
gradient clipping, on one preloaded batch: no data, no metrics, no logging. It runs in both memory
formats, and the faster one counts. segexp's side is a `segexp.training.fit.Trainer` with its own
batches, in the format that it chooses itself, with the default augmentation. Their epochs take
turns. Peak memory is that of a process for each side; segexp's validates, too. `--clock cpu`
counts the processor's time, for a machine that others use; it is meaningful with one thread only.

Exit status 1 when the sides do not compute the same: the loss of the first step from the same
weights on the same batch to 1e-4, and the mean over an epoch of the same batches to 1%.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import bare
import torch
from one_trial import (
    Scenes,
    clock_named,
    draw_scenes,
    fit_scenes,
    scene_batches,
    setting,
    spread,
    verdict,
)

from segexp.evaluation.evaluate import Evaluation
from segexp.training.compute import Compute, choose_compute
from segexp.training.fit import EpochResult, Optimization, Step, make_optimizer

OPTIMIZATION = Optimization("adamw", 1e-3, 1e-4, "constant", 0.0, bare.CLIP)
SPEED_GOAL, MEMORY_GOAL = 0.97, 1.3
SAME_FIRST_LOSS = 1e-4
SAME_EPOCH_LOSS = 0.01  # bf16 rounds sums in another order differently, and the steps enlarge that


def main() -> None:
    parser = bare.options(__doc__)
    parser.add_argument("--sizes", nargs="+", type=bare.size, default=[(64, 128), (128, 256)])
    parser.add_argument("--models", nargs="+", default=["Unet/mobilenet_v2/0.5"])
    parser.add_argument("--epochs", type=int, default=10, help="timed, of each side")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    compute = choose_compute(given.precision)
    if given.memory:
        print(peak_of_segexp(given.model, given.size, compute))
        return
    print(f"{setting(compute, 'segmentation-models-pytorch', 'albumentations')}.")
    print(
        f"Medians of {given.epochs} epochs of each side in turn (smallest to largest), by "
        f"{given.clock} clock; batch {bare.BATCH_SIZE}.\n"
    )
    clock = clock_named(given.clock)
    print("| size | model | bare loop, images/s | segexp, images/s | ratio | goal ", end="")
    print("| peak MiB: bare loop | segexp | ratio | goal |")
    print("|" + 10 * "---|")
    differences = []
    for size in given.sizes:
        with tempfile.TemporaryDirectory(prefix="segexp-") as cache:
            scenes = draw_scenes(size, Path(cache))
            for name in given.models:
                differences += [f"{name}: {d}" for d in differences_of(name, scenes, compute)]
                of_formats, of_segexp = speeds(name, scenes, compute, given.epochs, clock)
                fastest = max(of_formats, key=lambda way: statistics.median(of_formats[way]))
                of_bare = of_formats[fastest]
                ratios = [own / other for own, other in zip(of_segexp, of_bare, strict=True)]
                reached = statistics.median(ratios) >= SPEED_GOAL
                row = ["x".join(map(str, size)), name, f"{spread(of_bare)}, {fastest}"]
                row.append(spread(of_segexp))
                row += [spread(ratios, 3), f"{SPEED_GOAL}, {verdict(reached)}"]
                child = ["--model", name, "--size", row[0], "--precision", given.precision]
                child += ["--threads", str(given.threads)]
                bare_peak = run("bare.py", *child)
                segexp_peak = run("bare_loop.py", "--memory", *child)
                ratio = segexp_peak / bare_peak
                row += [f"{bare_peak:.0f}", f"{segexp_peak:.0f}", f"{ratio:.2f}"]
                row += [f"{MEMORY_GOAL}, {verdict(ratio <= MEMORY_GOAL)}"]
                print("|", " | ".join(row), "|", flush=True)
    if differences:
        sys.exit("the sides do not compute the same: " + "; ".join(differences))


def speeds(
    name: str, scenes: Scenes, compute: Compute, epochs: int, clock: Callable[[], float]
) -> tuple[dict[str, list[float]], list[float]]:
    """Measure training images a second, epoch by epoch in turn.

    Returns:
        Those of the bare loop by memory format, and those of segexp.
    """
    formats = {"contiguous": False, "channels_last": True}
    sides = {
        way: bare_side(name, scenes, replace(compute, channels_last=formats[way]))
        for way in formats
    }
    own = fit_segexp(name, scenes, compute, epochs + 1, no_validation)
    images = len(scenes.dataset.train)
    of_formats: dict[str, list[float]] = {way: [] for way in formats}
    of_segexp = []
    for _ in range(epochs + 1):
        for way, run_epoch in sides.items():
            begun = clock()
            of_formats[way].append(run_epoch() / (clock() - begun))
        begun = clock()
        next(own)
        of_segexp.append(images / (clock() - begun))
    # The first one warms up.
    return {way: found[1:] for way, found in of_formats.items()}, of_segexp[1:]


def bare_side(name: str, scenes: Scenes, compute: Compute) -> Callable[[], int]:
    """Return what trains an epoch by the bare loop, and says of how many images."""
    model = bare.make(name, compute)
    optimizer = make_optimizer(model, OPTIMIZATION)
    batch = next(batches(scenes, compute))
    steps = len(scenes.dataset.train) // len(batch[0])

    def run_epoch() -> int:
        losses = bare.train(model, optimizer, [batch] * steps, compute)
        float(losses[-1])  # waits for the device
        return steps * len(batch[0])

    return run_epoch


def differences_of(name: str, scenes: Scenes, compute: Compute) -> list[str]:
    """Compare the losses of an epoch of both sides, from the same weights on the same batches."""
    model = bare.make(name, compute)
    optimizer = make_optimizer(model, OPTIMIZATION)
    expected = [
        float(loss) for loss in bare.train(model, optimizer, batches(scenes, compute), compute)
    ]
    found: list[float] = []

    def note(step: Step) -> None:
        found.append(float(step.loss))

    list(fit_segexp(name, scenes, compute, 1, no_validation, note))
    differences = []
    if abs(found[0] - expected[0]) > SAME_FIRST_LOSS:
        differences.append(f"first loss {expected[0]:.6f} bare, {found[0]:.6f} segexp")
    mean, other = statistics.fmean(expected), statistics.fmean(found)
    if len(found) != len(expected) or abs(other / mean - 1) > SAME_EPOCH_LOSS:
        differences.append(
            f"mean loss {mean:.4f} ({len(expected)} steps) bare, {other:.4f} ({len(found)}) segexp"
        )
    return differences


def fit_segexp(
    name: str,
    scenes: Scenes,
    compute: Compute,
    epochs: int,
    validate: Callable[[], Evaluation] | None = None,
    on_step: Callable[[Step], None] = lambda step: None,
) -> Iterator[EpochResult[Evaluation]]:
    """Train segexp's side from the bare loop's first weights; see `fit_scenes`."""
    model = bare.make(name, compute)
    return fit_scenes(
        model,
        make_optimizer(model, OPTIMIZATION),
        scenes,
        compute,
        OPTIMIZATION,
        epochs=epochs,
        validate=validate,
        on_step=on_step,
    )


def batches(scenes: Scenes, compute: Compute) -> Iterator[bare.Batch]:
    """Yield the batches of segexp's first epoch, ready for the bare loop."""
    of_epoch = scene_batches(scenes)
    of_epoch.set_epoch(1)
    for images, target in of_epoch:
        normalized = scenes.preprocessing.normalize(compute.send(images))
        yield normalized, target.to(compute.device).long()


def no_validation() -> Evaluation:
    return Evaluation((), 0.0, {})


def peak_of_segexp(name: str, size: tuple[int, int], compute: Compute) -> float:
    """Train and validate two epochs; return this process's peak memory in MiB."""
    with tempfile.TemporaryDirectory(prefix="segexp-") as cache:
        scenes = draw_scenes(size, Path(cache))
        list(fit_segexp(name, scenes, compute, 2))
    return bare.peak_mib(compute)


def run(script: str, *arguments: str) -> float:
    command = [sys.executable, str(Path(__file__).with_name(script)), *arguments]
    return float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


if __name__ == "__main__":
    main()
