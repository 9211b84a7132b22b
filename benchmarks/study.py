"""Run a study in a fresh project and print the figures that README and docs quote, as Markdown.

python benchmarks/study.py                                  # the default study, 50 trials
python benchmarks/study.py camvid --data DIR --trials 12    # the study on real images
python benchmarks/study.py camvid --project DIR             # figures of a project that was run
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", nargs="?", default="default")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--project", type=Path)
    given = parser.parse_args()
    project = given.project or Path(tempfile.mkdtemp(prefix="segexp-")) / "project"
    if given.project is None:
        segexp("init", str(project))
        data = ["--data", str(given.data)] if given.data else []
        command = ["tune", given.study, "--trials", str(given.trials), *data]
        started = time.perf_counter()
        segexp(*command, "--project", str(project))
        minutes, seconds = divmod(round(time.perf_counter() - started), 60)
        shown = ["DIR" if part == str(given.data) else part for part in command]
        print(f"`segexp {' '.join(shown)}` took {minutes} min {seconds} s in {project}\n")
    best = json.loads(segexp("best", "--json", "--project", str(project)))
    print(f"On {machine()}. Trials: {count(best['trials'])}.\n")
    params = ", ".join(
        f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}" for k, v in best["params"].items()
    )
    print(f"Best: trial {best['trial']}, epoch {best['best_epoch']}: {params}.\n")
    print_scores(best)
    print_classes(best)


def print_scores(best: dict[str, Any]) -> None:
    tuning, heldout = best["scores"]["tuning"], best["scores"]["heldout"]
    baseline, constant = best["baseline"], best["constant"]
    print("| mIoU in the common space | tuning images | held-out images |\n|---|---|---|")
    print(f"| best trial | {tuning['miou_common']:.3f} | {heldout['miou_common']:.3f} |")
    if baseline:
        print(
            f"| baseline (trial 0) | {baseline['tuning']['miou_common']:.3f} "
            f"| {baseline['heldout']['miou_common']:.3f} |"
        )
    print(f"| always {constant['class']} | {constant['val']:.3f} | {constant['heldout']:.3f} |\n")
    for name, scores in (("Best trial", best["scores"]), ("Baseline", baseline or {})):
        own = scores.get("heldout")
        if own:
            print(
                f"{name} in its own space, held-out: mIoU {own['miou']:.3f} over "
                f"{own['classes_in_mean']} classes, pixel accuracy {own['pixel_accuracy']:.3f}."
            )
    print()


def print_classes(best: dict[str, Any]) -> None:
    print("| class | IoU, tuning | IoU, held-out |\n|---|---|---|")
    for name, iou in best["iou"]["tuning"].items():
        other = best["iou"]["heldout"][name]
        cells = [f"{value:.3f}" if value is not None else "-" for value in (iou, other)]
        print(f"| {name} | {cells[0]} | {cells[1]} |")


def segexp(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "segexp", *arguments], stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def write_random_study(project: Path, name: str) -> None:
    """Write a study over the default study's space: at random, and without pruning."""
    content = yaml.safe_load((project / "studies" / "default.yaml").read_text())
    content |= {"name": name, "sampler": "random", "pruner": "none"}
    (project / "studies" / f"{name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))


def forget_studies(project: Path) -> None:
    """Delete a study, but keep the images that it has read."""
    for path in (*project.glob("studies/optuna.db*"), *project.glob("mlflow.db*")):
        path.unlink()
    shutil.rmtree(project / "mlruns")
    shutil.rmtree(project / ".segexp" / "studies")


def machine() -> str:
    cpu = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = [x for x in cpuinfo.read_text().splitlines() if x.startswith("model name")]
        cpu = lines[0].partition(":")[2].strip() if lines else cpu
        units = [u for u in ("amx_bf16", "avx512_bf16") if u in cpuinfo.read_text()]
        cpu += f" ({', '.join(units) or 'no bf16 units'})"
    return f"{os.cpu_count()} cores of {cpu}, Python {platform.python_version()}"


def count(states: dict[str, int]) -> str:
    return ", ".join(f"{n} {name.lower()}" for name, n in states.items())


if __name__ == "__main__":
    main()
