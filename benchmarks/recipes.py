"""Whether what practitioners add pays: by `segexp ab`, against the defaults of today.

python benchmarks/recipes.py recipe --data DIR             # CamVid at 240x180: hours on two cores
python benchmarks/recipes.py recipe                        # drawn scenes at 128x256
python benchmarks/recipes.py hierarchy --data DIR --size 64 128 --trials 10 --candidates 3
python benchmarks/recipes.py recipe --each                 # its parts one by one, too
python benchmarks/recipes.py recipe --data DIR --size 96 128 --matched 4 --epochs 4   # minutes

`recipe` is random crops, a moving average of the weights and a slower encoder. `hierarchy` is the
loss in a finer and a coarser space at once. Both sides are searched with the same budget over the
default study's space, and every candidate is trained on both. A project that is there is resumed.
"""

import argparse
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study import machine, segexp


@dataclass(frozen=True)
class Setting:
    """Data that arms are compared on.

    Attributes:
        fine: The mapping.
        coarse: What coarsens it.
        size: Of the images, height and width, where none is given.
    """

    fine: str
    coarse: str
    size: tuple[int, int]


CAMVID = Setting("camvid11", "camvid_merged6", (192, 256))
SCENES = Setting("cityscapes19", "merged10", (128, 256))


def arms_of(what: str, setting: Setting, size: list[int], *, each: bool) -> list[str]:
    """Return the arms as ``segexp ab --arm`` takes them; crops are two thirds a side."""
    if what == "hierarchy":
        return [setting.fine, f"{setting.fine}+{setting.coarse}"]
    crop = [max(1, round(side / 48)) * 32 for side in size]
    parts = {"crops": f"crop: {crop}", "ema": "ema: 0.99", "encoder": "encoder_lr_factor: 0.1"}
    found = {"defaults": "", **(parts if each else {}), "recipe": ", ".join(parts.values())}
    return [f"{name}: {{mapping: {setting.fine}, {fixed}}}" for name, fixed in found.items()]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["recipe", "hierarchy"])
    parser.add_argument("--data", type=Path, help="CamVid; drawn scenes without it")
    parser.add_argument("--size", type=int, nargs=2, help="height and width, in multiples of 32")
    parser.add_argument("--resize", default="fit", help="stretch changes the images' shape")
    parser.add_argument("--each", action="store_true", help="the parts of the recipe one by one")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--candidates", type=int, default=6)
    parser.add_argument("--matched", type=int, help="no search: so many random configurations")
    parser.add_argument("--epochs", type=int, default=9)
    parser.add_argument("--workers", default="auto")
    parser.add_argument("--project", type=Path, help="made where it is not there")
    given = parser.parse_args()
    setting = SCENES if given.data is None else CAMVID
    project = given.project or Path(tempfile.mkdtemp(prefix="segexp-")) / "project"
    if not (project / "config.yaml").is_file():
        segexp("init", str(project))
    size = list(given.size or setting.size)
    numbers = {"trials": given.trials, "candidates": given.candidates}
    if given.matched is not None:
        numbers = {"configs": given.matched}
    command = [
        "ab",
        *(
            part
            for arm in arms_of(given.what, setting, size, each=given.each)
            for part in ("--arm", arm)
        ),
        *(part for name, value in numbers.items() for part in (f"--{name}", str(value))),
        *(["--matched"] if given.matched is not None else []),
        *("--workers", given.workers),
        *(["--data", str(given.data)] if given.data else []),
        *("--set", f"data.image_size={size}", "--set", f"data.resize={given.resize}"),
        *("--set", f"training.epochs={given.epochs}"),
    ]
    started = time.perf_counter()
    result = json.loads(segexp(*command, "--json", "--project", str(project)))
    minutes = (time.perf_counter() - started) / 60
    shown = " ".join(f"'{part}'" if " " in part else part for part in command)
    print(f"`segexp {shown.replace(str(given.data), 'DIR')}`: {minutes:.0f} min on {machine()}.\n")
    print_answer(result)


def print_answer(result: dict[str, Any]) -> None:
    print("| arm | mIoU, common | 95% interval | seconds of a training | what it fixes |")
    print("|---|---|---|---|---|")
    for arm in result["arms"]:
        low, high = arm["interval_common"]
        seconds = sum(arm["seconds"]) / len(arm["seconds"])
        settings = {k.rpartition(".")[2]: v for k, v in arm["settings"].items()}
        fixed = ", ".join(f"{k} {'none' if v is None else v}" for k, v in settings.items())
        print(
            f"| {arm['name']} | {arm['common']['mean']:.3f} | {low:.3f} to {high:.3f} | "
            f"{seconds:.0f} | {fixed or '-'} |"
        )
    for pair in result["pairs"]:
        print(f"\n> {pair['sentence']}\n")
        print(f"| class | {pair['a']} | {pair['b']} | difference | 95% interval | p (Holm) |")
        print("|---|---|---|---|---|---|")
        for row in pair["per_class"]:
            interval = row["interval"] or [None, None]
            cells = [row["a"], row["b"], row["delta"], *interval, row["p_holm"]]
            a, b, delta, low, high, p = (f"{v:.3f}" if v is not None else "-" for v in cells)
            print(f"| {row['class']} | {a} | {b} | {delta} | {low} to {high} | {p} |")
    for caveat in result["caveats"]:
        print(f"\n- {caveat}")


if __name__ == "__main__":
    main()
