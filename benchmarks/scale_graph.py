"""Draw what benchmarks/scale.py printed: trials a second by the number of processes.

python benchmarks/scale.py > direct.md
python benchmarks/scale.py --storage proxy > proxy.md
python benchmarks/scale_graph.py docs/scaling.png direct.md proxy.md

A file may have several runs. Solid lines are measured, dashed ones simulated.
"""

import argparse
import re
from collections import defaultdict
from pathlib import Path

from matplotlib.figure import Figure

RUN = re.compile(r"(postgresql|proxy|sqlite), \d+ project directories")
MEASURED = re.compile(r"\| ([\d.]+) \| (\d+) \| ([\d.]+) \| [\d.]+ \| \d+, \d+ \|")
SIMULATED = re.compile(r"\| ([\d.]+) \| ([\d,]+) \| ([\d.]+) \| [\d.]+ \| \d+ \|$")
COLOURS = {"postgresql": "#0072b2", "proxy": "#d55e00", "sqlite": "#009e73"}
NAMES = {"postgresql": "PostgreSQL", "proxy": "PostgreSQL behind the proxy", "sqlite": "SQLite"}

Lines = dict[tuple[str, float, bool], list[tuple[int, float]]]
"""Of a storage, the seconds of a trial, and whether they are simulated: (processes, trials/s)."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("picture", type=Path)
    parser.add_argument("tables", type=Path, nargs="+")
    given = parser.parse_args()
    lines: Lines = defaultdict(list)
    for table in given.tables:
        read(table.read_text(encoding="utf-8"), lines)
    draw(lines, given.picture)


def read(text: str, lines: Lines) -> None:
    """Add the figures of a printed run to the lines."""
    storage = ""
    for line in text.splitlines():
        if found := RUN.match(line):
            storage = found[1]
        elif found := MEASURED.match(line):
            lines[storage, float(found[1]), False].append((int(found[2]), float(found[3])))
        elif found := SIMULATED.match(line):
            workers = int(found[2].replace(",", ""))
            lines[storage, float(found[1]), True].append((workers, float(found[3])))


def draw(lines: Lines, path: Path) -> None:
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    for (storage, seconds, is_simulated), points in sorted(lines.items()):
        label = f"{NAMES[storage]}, trials of {seconds:g} s"
        axes.plot(
            *zip(*sorted(points), strict=True),
            color=COLOURS[storage],
            linestyle="--" if is_simulated else "-",
            marker="o" if seconds == 0 else "s",
            markersize=5,
            fillstyle="none" if seconds else "full",
            label=f"{label}, cores enough (simulated)" if is_simulated else label,
        )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    ticks = sorted({workers for points in lines.values() for workers, _ in points})
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.set(xlabel="processes that run trials of one study", ylabel="trials/s")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(frameon=False, fontsize="small")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
