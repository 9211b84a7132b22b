"""A training step in float32 in both memory formats and in bf16, for several models.

python benchmarks/memory_format.py --clock cpu
ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 python benchmarks/memory_format.py --clock cpu

The second is what a processor without AVX-512 does, on one that has it. The bare loop of
`benchmarks/bare.py`, one thread; the ways take turns. `segexp.training.compute.choose_compute`
follows this table.
"""

import argparse
import os
import statistics
from dataclasses import replace

import bare
import torch
from one_trial import clock_named, setting

from segexp.training.compute import Compute, choose_compute

MODELS = [
    "Unet/resnet18/1",
    "Unet/resnet34/0.5",
    "Unet/mobilenet_v2/0.5",
    "Unet/efficientnet-b0/0.5",
    "Unet/tu-mobilenetv3_small_100/0.5",
    "Unet/tu-convnext_atto/0.5",
    "Unet/mit_b0/0.5",
    "FPN/resnet18/0.5",
    "FPN/mobilenet_v2/0.5",
    "Segformer/mit_b0/0.5",
    "DeepLabV3Plus/mobilenet_v2/0.5",
    "UPerNet/resnet18/0.5",
]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--sizes", nargs="+", type=bare.size, default=[(64, 128), (128, 256)])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--images", type=int, default=64, help="a turn at 64x128; fewer if larger")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    contiguous = replace(choose_compute("fp32"), channels_last=False)
    ways = [contiguous, replace(contiguous, channels_last=True)]
    if choose_compute("auto").bf16:
        ways.append(replace(contiguous, bf16=True, channels_last=True))
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA", "none")
    print(
        f"{setting(contiguous, 'segmentation-models-pytorch', 'timm')}; limit to oneDNN: {limit}."
    )
    print(f"Medians of {given.turns} turns, by {given.clock} clock, {given.threads} thread.\n")
    print("| size | model | fp32, images/s | fp32, channels_last | ", end="")
    print("ratio | bf16, channels_last | ratio |\n|---|---|---|---|---|---|---|")
    for size in given.sizes:
        steps = max(1, given.images * 64 * 128 // (size[0] * size[1] * bare.BATCH_SIZE))
        for model in given.models:
            speeds = measure(model, size, ways, given.turns, steps, given.clock)
            row = ["x".join(map(str, size)), model, f"{statistics.median(speeds[0]):.1f}"]
            for speed in speeds[1:]:
                ratios = [one / other for one, other in zip(speed, speeds[0], strict=True)]
                row.append(f"{statistics.median(speed):.1f}")
                middle = statistics.median(ratios)
                row.append(f"{middle:.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
            print("|", " | ".join(row), "|", flush=True)


def measure(
    name: str, size: tuple[int, int], ways: list[Compute], turns: int, steps: int, clock: str
) -> list[list[float]]:
    """Return images a second of each way, turn by turn; the first turn only warms up."""
    now = clock_named(clock)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(bare.BATCH_SIZE, 3, *size, generator=generator)
    target = torch.randint(bare.NUM_CLASSES, (bare.BATCH_SIZE, *size), generator=generator)
    sides = []
    for way in ways:
        model = bare.make(name, way)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
        sides.append((model, optimizer, [(way.send(images), target.to(way.device))], way))
    speeds: list[list[float]] = [[] for _ in ways]
    for _ in range(turns + 1):
        for (model, optimizer, batch, way), found in zip(sides, speeds, strict=True):
            begun = now()
            float(bare.train(model, optimizer, batch * steps, way)[-1])  # waits for the device
            found.append(steps * bare.BATCH_SIZE / (now() - begun))
    return [found[1:] for found in speeds]


if __name__ == "__main__":
    main()
