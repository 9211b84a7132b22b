"""Forward and backward time of segexp's losses against torch's and smp's, in one run.

python benchmarks/losses.py                        # 19 classes, both sizes, fp32 and bf16 logits
python benchmarks/losses.py --threads 1 --clock cpu          # on a machine that others use

Each side takes the logits as a model gives them (contiguous float32; bfloat16 in channels_last) and
the masks as its loader does (uint8; int64), of which 5% are void. They take turns. Exit status 1
when one of segexp's values is more than a millionth away from torch's and smp's in float64
(Lovász, which smp has in float32 only, in that). The last columns are both sides' relative errors.
"""

import argparse
import statistics
import sys
from collections.abc import Callable

import bare
import torch
from one_trial import clock_named, setting, spread
from segmentation_models_pytorch import losses as smp_losses
from torch import Tensor, nn

from segexp.labels.taxonomy import VOID
from segexp.training.compute import choose_compute
from segexp.training.loss import Loss, loss_names, make_loss

SAME_VALUE = 1e-6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", type=bare.size, default=[(64, 128), (128, 256)])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    clock = clock_named(given.clock)
    compute = choose_compute("auto")
    print(f"{setting(compute, 'segmentation-models-pytorch')}.")
    print(
        f"Forward and backward of a batch of {bare.BATCH_SIZE}, {bare.NUM_CLASSES} classes; "
        f"medians of {given.repeats} in turn (smallest to largest), by {given.clock} clock.\n"
    )
    print("| size | logits | loss | torch and smp, ms | segexp, ms | ratio ", end="")
    print("| error, torch and smp | segexp |\n|" + 8 * "---|")
    differences = []
    for size in given.sizes:
        for bf16 in (False, True):
            logits, target = batch(size, bf16, compute.device)
            kind = "bf16, channels_last" if bf16 else "fp32, contiguous"
            for name in loss_names():
                of_smp, of_segexp = times(name, logits, target, given.repeats, clock)
                ratio = statistics.median(of_smp) / statistics.median(of_segexp)
                error, own_error = errors(name, logits, target)
                row = ["x".join(map(str, size)), kind, name, spread(of_smp), spread(of_segexp)]
                row += [f"{ratio:.2f}", f"{error:.0e}", f"{own_error:.0e}"]
                print("|", " | ".join(row), "|", flush=True)
                if own_error > SAME_VALUE:
                    differences.append(f"{name} at {row[0]}, {kind}, by {own_error:.1e}")
    if differences:
        sys.exit("the losses are not the same: " + "; ".join(differences))


def batch(size: tuple[int, int], bf16: bool, device: torch.device) -> tuple[Tensor, Tensor]:
    """Draw logits as a model gives them, and a uint8 mask."""
    generator = torch.Generator().manual_seed(0)
    shape = (bare.BATCH_SIZE, *size)
    logits = 2 * torch.randn(bare.BATCH_SIZE, bare.NUM_CLASSES, *size, generator=generator)
    target = torch.randint(bare.NUM_CLASSES, shape, generator=generator, dtype=torch.uint8)
    target[torch.rand(shape, generator=generator) < 0.05] = VOID
    if bf16:
        logits = logits.bfloat16().contiguous(memory_format=torch.channels_last)
    return logits.to(device), target.to(device)


def reference(name: str) -> Loss:
    """Return what a user would take from torch and smp."""
    cross_entropy = nn.CrossEntropyLoss(ignore_index=VOID)
    if name == "cross_entropy":
        return cross_entropy
    if name == "ce_dice":
        dice = smp_losses.DiceLoss("multiclass", ignore_index=VOID)
        return lambda logits, target: cross_entropy(logits, target) + dice(logits, target)
    if name == "focal":
        focal: Loss = smp_losses.FocalLoss("multiclass", ignore_index=VOID)
        return focal
    if name == "lovasz":
        lovasz: Loss = smp_losses.LovaszLoss("multiclass", ignore_index=VOID)
        return lovasz
    raise LookupError(f"{name}: name what it is compared with")


def times(
    name: str, logits: Tensor, target: Tensor, repeats: int, clock: Callable[[], float]
) -> tuple[list[float], list[float]]:
    """Measure milliseconds of a forward and backward pass of each side, in turn."""
    sides = ((reference(name), target.long()), (make_loss(name), target))
    measured: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats + 1):
        for (loss, mask), own in zip(sides, measured, strict=True):
            inputs = logits.detach().requires_grad_()
            begun = clock()
            value = loss(inputs if own is measured[1] else inputs.float(), mask)
            value.backward()  # type: ignore[no-untyped-call]
            if inputs.grad is None or not bool(torch.isfinite(inputs.grad.sum())):  # waits for CUDA
                sys.exit(f"{name}: no finite gradient")
            own.append(1e3 * (clock() - begun))
    return measured[0][1:], measured[1][1:]  # the first ones warm up


def errors(name: str, logits: Tensor, target: Tensor) -> tuple[float, float]:
    """Return how far torch's and smp's value, and segexp's, are from that in float64; relative."""
    loss, mask = reference(name), target.long()
    exact = float(loss(logits.float() if name == "lovasz" else logits.double(), mask))
    return (
        abs(float(loss(logits.float(), mask)) / exact - 1),
        abs(float(make_loss(name)(logits, target)) / exact - 1),
    )


if __name__ == "__main__":
    main()
