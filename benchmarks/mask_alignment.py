"""How far masks lie off their images through every resize, and what that is worth.

python benchmarks/mask_alignment.py                # mean offsets, in pixels of the result
python benchmarks/mask_alignment.py --seeds 5      # and IoU of thin classes, trained with 5 seeds

To see what a change brought, run the same command at the commit before it:
`git worktree add /tmp/before COMMIT && PYTHONPATH=/tmp/before python benchmarks/mask_alignment.py`.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import bare
import torch
from bare_loop import no_validation
from one_trial import Scenes, draw_scenes, fit_scenes, setting

from harness import alignment
from harness.alignment import COLUMNS, ROWS, Size
from segexp.data.stats import count_labels
from segexp.evaluation.evaluate import evaluate_split
from segexp.evaluation.metrics import score
from segexp.evaluation.rulers import make_ruler
from segexp.training.class_weights import class_weights
from segexp.training.compute import Compute, choose_compute
from segexp.training.fit import Optimization, make_optimizer
from segexp.training.loss import make_loss

MODEL = "Unet/mobilenet_v2/0.5"
SIZE = (64, 128)
OWN = (96, 160)
SMALLER = ((48, 80), (24, 40), (32, 64), (128, 256))
THIN = ("pole", "traffic light", "traffic sign")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=0, help="trainings; none by default")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--augmentation", type=float, default=0.3)
    parser.add_argument("--precision", default="auto", help="auto, bf16 or fp32")
    given = parser.parse_args()
    torch.set_num_threads(1)
    print_offsets()
    if given.seeds:
        compute = choose_compute(given.precision)
        print(f"\n{setting(compute, 'albumentations', 'opencv-python-headless')}.")
        how = f"{given.epochs} epochs, augmentation {given.augmentation}, median-frequency weights"
        print(f"{MODEL}, {how}; IoU on the test scenes:\n")
        with tempfile.TemporaryDirectory(prefix="segexp-") as cache:
            scenes = draw_scenes(SIZE, Path(cache), test=64)
            print_scores(scenes, compute, given)


def print_offsets() -> None:
    """Print the table of mean offsets; behind the image is positive: below it, or right of it."""
    print("| resized | rows | columns |\n|---|---|---|")
    for strength in (0.3, 1.0):
        print_row(
            f"augmentation {strength}",
            *(alignment.augmented(SIZE, axis, strength) for axis in (ROWS, COLUMNS)),
        )
    for size in SMALLER:
        by_way = zip(*(offsets_of(size, axis) for axis in (ROWS, COLUMNS)), strict=True)
        for way, offsets in zip(
            ("cache", "scores at full size", "predictions"), by_way, strict=True
        ):
            print_row(f"{way}, {OWN[0]}x{OWN[1]} at {size[0]}x{size[1]}", *offsets)


def offsets_of(size: Size, axis: int) -> tuple[float, float, float]:
    with tempfile.TemporaryDirectory(prefix="segexp-") as name:
        directory = Path(name)
        return (
            alignment.cached(OWN, size, axis, directory),
            alignment.scored_at_full_size(OWN, size, axis),
            alignment.predicted(OWN, size, axis, directory),
        )


def print_row(what: str, *offsets: float) -> None:
    print("|", what, "|", " | ".join(f"{offset:+.3f}" for offset in offsets), "|", flush=True)


def print_scores(scenes: Scenes, compute: Compute, given: argparse.Namespace) -> None:
    """Train once for each seed; print the IoU of thin classes and the mean of all."""
    print("| seed |", " | ".join((*THIN, "mIoU")), "|\n|" + (len(THIN) + 2) * "---|")
    rows = []
    for seed in range(given.seeds):
        rows.append(trained(scenes, compute, given.epochs, given.augmentation, seed))
        print(f"| {seed} |", " | ".join(f"{x:.4f}" for x in rows[-1]), "|", flush=True)
    means = [statistics.fmean(values) for values in zip(*rows, strict=True)]
    print("| mean |", " | ".join(f"{x:.4f}" for x in means), "|")


def trained(
    scenes: Scenes, compute: Compute, epochs: int, augmentation: float, seed: int
) -> list[float]:
    """Train one model and score it on the 64 test scenes, after the last epoch."""
    model = bare.make(MODEL, compute, seed)
    optimization = Optimization("adamw", 3e-3, 1e-4, "cosine", 0.5, bare.CLIP)
    ruler = make_ruler(scenes.mapping, scenes.mapping)
    # Without weights thin classes are not predicted at all after so few epochs.
    counts = count_labels(scenes.dataset.train, bare.NUM_CLASSES, scenes.mapping.lookup())
    of_classes = class_weights("median_frequency", counts.pixels, counts.pixels_where_present)
    weights = torch.from_numpy(of_classes).float().to(compute.device)
    of_epochs = fit_scenes(
        model,
        make_optimizer(model, optimization),
        scenes,
        compute,
        optimization,
        epochs=epochs,
        seed=seed,
        augmentation=augmentation,
        validate=no_validation,
        loss=make_loss("cross_entropy", weights),
    )
    for _ in of_epochs:
        pass
    evaluation = evaluate_split(
        model,
        scenes.dataset.heldout,
        {"own": ruler},
        preprocessing=scenes.preprocessing,
        compute=compute,
    )
    scores = score(evaluation.confusion("own"))
    return [*(float(scores.iou[scenes.mapping.names.index(name)]) for name in THIN), scores.miou]


if __name__ == "__main__":
    main()
