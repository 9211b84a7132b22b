"""The bare loop: one preloaded batch, and nothing but what trains a model.

python benchmarks/bare.py --size 64x128     # prints the peak memory of its process, in MiB

`benchmarks/bare_loop.py` measures segexp against it.
"""

import argparse
import resource
import sys
from collections.abc import Iterable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segexp.training.compute import Compute, choose_compute
from segexp.training.network import make_model

BATCH_SIZE = 8
NUM_CLASSES = 19
CLIP = 1.0

Batch = tuple[Tensor, Tensor]
"""Normalised images (N, 3, H, W) and classes (N, H, W), int64, both where the model is."""


def main() -> None:
    given = options(__doc__).parse_args()
    torch.set_num_threads(given.threads)
    height, width = given.size
    compute = choose_compute(given.precision)
    model = make(given.model, compute)
    images = torch.randn(BATCH_SIZE, 3, height, width)
    target = torch.randint(NUM_CLASSES, (BATCH_SIZE, height, width), device=compute.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4, fused=True)
    train(model, optimizer, [(compute.send(images), target)] * given.steps, compute)
    print(peak_mib(compute))


def train(
    model: nn.Module, optimizer: torch.optim.Optimizer, batches: Iterable[Batch], compute: Compute
) -> list[Tensor]:
    """Take one step for each batch; return the losses, which are read when all steps are taken."""
    model.train()
    losses = []
    for images, target in batches:
        with compute.autocast():
            loss = F.cross_entropy(model(images), target, ignore_index=255)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        losses.append(loss.detach())
    return losses


def make(name: str, compute: Compute, seed: int = 0) -> nn.Module:
    """Make the model of ``<arch>/<encoder>/<decoder width>``, with the weights of a seed."""
    arch, encoder, width = name.split("/")
    torch.manual_seed(seed)
    return compute.place(make_model(arch, encoder, None, NUM_CLASSES, float(width)))


def options(description: str | None) -> argparse.ArgumentParser:
    """Options of a process that trains one model at one size."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=size, default=(64, 128), help="HEIGHTxWIDTH")
    parser.add_argument("--model", default="Unet/mobilenet_v2/0.5", help="arch/encoder/width")
    parser.add_argument("--precision", default="auto", help="auto, bf16 or fp32")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--steps", type=int, default=24)
    return parser


def size(text: str) -> tuple[int, int]:
    height, width = map(int, text.split("x"))
    return height, width


def peak_mib(compute: Compute) -> float:
    """Peak memory so far, in MiB: of the GPU's tensors on CUDA, otherwise of this process."""
    if compute.device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    status = Path("/proc/self/status")
    if status.is_file():  # on Linux ru_maxrss begins with the memory of the process that started us
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2 ** (20 if sys.platform == "darwin" else 10)


if __name__ == "__main__":
    main()
