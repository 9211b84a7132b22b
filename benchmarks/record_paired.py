"""Train configurations of the default study under both of its mappings, some with two seeds.

python benchmarks/record_paired.py --directory DIR                   # 160 trainings, an hour
python benchmarks/record_paired.py --directory DIR --export-only     # writes what is there so far

`benchmarks/curves.csv` has each configuration under one mapping. Here configurations of it are
trained under both, never pruned: the study's baseline, then in turn one of its best quarter and
one of the others. The first ones have two seeds; a seed is the same in both mappings. Run again on
the same directory, it resumes; several processes share the work (`--process 0 2` and `1 2`).

What is complete under both mappings becomes lines of `benchmarks/paired_curves.csv`: params, the
objective after each epoch, and mIoU in the common space on 512 held-out images at the best epoch.
`benchmarks/paired_images.npz` says how that mIoU varies with the images: how much more it is on 500
draws of 64 of them, and on 500 resamples of the 512, in units of 1e-5; the same draws for every
run. `benchmarks/calibration_search.py` replays both files.
"""

import argparse
import copy
import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from study import machine, segexp

from harness.paired import (
    CURVES,
    FEW_IMAGES,
    IMAGES,
    MAPPINGS,
    RESAMPLES,
    TABLE,
    UNIT,
    VARIED_BY_IMAGES,
)
from harness.replay import Table, read_table
from segexp.core.config_keys import with_values
from segexp.core.files import write_atomic
from segexp.data.open import open_data
from segexp.evaluation.evaluate import evaluate_split
from segexp.evaluation.metrics import COMMON
from segexp.evaluation.statistics.bootstrap import mean_iou, resample_weights, resampled_ious
from segexp.study.config import read_study
from segexp.study.plan import plan_study
from segexp.study.prepare import prepare_training
from segexp.study.read_space import read_space
from segexp.study.trial import objective_value


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        row: Of `CURVES`, whose configuration it is.
        mapping: The arm.
        seed: Of the training.
    """

    row: int
    mapping: str
    seed: int

    @property
    def file(self) -> str:
        """Its name among what is recorded."""
        return f"{self.row:03d}-{self.mapping}-{self.seed}.npz"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--directory", type=Path, required=True, help="made where it is not there")
    parser.add_argument("--configs", type=int, default=60)
    parser.add_argument("--twice", type=int, default=20, help="configurations with two seeds")
    parser.add_argument("--process", type=int, nargs=2, default=(0, 1), metavar=("NUMBER", "OF"))
    parser.add_argument("--export-only", action="store_true", help="train nothing more")
    given = parser.parse_args()
    table = read_table(CURVES)
    jobs = list(listed(table, given.configs, given.twice))
    if not given.export_only:
        number, of = given.process
        record(given.directory, table, jobs[number::of])
    print(export(given.directory, table, jobs))


def listed(table: Table, configs: int, twice: int) -> Iterator[Job]:
    """List the trainings; asked for more of them, the first ones stay the same."""
    for place, row in enumerate(chosen_rows(table)[:configs]):
        for mapping in MAPPINGS:
            for seed in (1, 2) if place < twice else (1,):
                yield Job(row, mapping, seed)


def chosen_rows(table: Table) -> list[int]:
    """Return the rows in the order of training; the best quarter is that of each mapping."""
    best = table.curves.max(axis=1)
    of_mapping = np.array([params["mapping"] for params in table.params])
    bars = {m: np.quantile(best[of_mapping == m], 0.75) for m in MAPPINGS}
    rows = [int(row) for row in np.random.default_rng(0).permutation(len(best))]
    rows.remove(table.baseline or 0)
    good = [row for row in rows if best[row] >= bars[of_mapping[row]]]
    others = [row for row in rows if row not in good]
    turns = [row for both in zip(good, others, strict=False) for row in both]
    return [table.baseline or 0, *turns]


def record(directory: Path, table: Table, jobs: list[Job]) -> None:
    """Train what is missing."""
    if not (directory / "config.yaml").is_file():
        segexp("init", str(directory))
    (directory / "recorded").mkdir(exist_ok=True)
    path, study, config = read_study(directory, "default", {"data.synthetic.test": IMAGES})
    plan = plan_study(directory, str(path), study, config, read_space(str(path), study, config))
    dataset = open_data(directory, config, plan.base.source, lambda done, total: None)
    for job in jobs:
        file = directory / "recorded" / job.file
        if file.is_file():
            continue
        params = {**table.params[job.row], "mapping": job.mapping, "seed": job.seed}
        own = with_values(config, params)
        training = prepare_training(own, dataset, plan.base.mappings[job.mapping], plan.base.common)
        values: list[float] = []
        weights: dict[str, Any] = {}
        for result in training.trainer.epochs(own.training.epochs):
            value = objective_value(result.validation, study.score)
            if value > max(values, default=-1.0):
                weights = copy.deepcopy(training.trainer.model.state_dict())
            values.append(value)
        training.trainer.model.load_state_dict(weights)
        heldout = evaluate_split(
            training.trainer.model,
            dataset.heldout,
            training.rulers(training.read()),
            preprocessing=training.trainer.preprocessing,
            compute=training.trainer.compute,
        )
        packed = io.BytesIO()
        np.savez_compressed(packed, curve=values, common=heldout.confusions[COMMON])
        write_atomic(file, packed.getvalue())
        print(job, f"{max(values):.4f}", flush=True)


def export(directory: Path, table: Table, jobs: list[Job]) -> str:
    """Write what is complete under both mappings; say how much that is."""
    done = [job for job in jobs if (directory / "recorded" / job.file).is_file()]
    arms = {(job.row, job.seed, job.mapping) for job in done}
    whole = [job for job in done if all((job.row, job.seed, m) in arms for m in MAPPINGS)]
    if not whole:
        return "no configuration is complete under both mappings yet"
    written = io.StringIO()
    for line in head(directory, whole):
        written.write(f"# {line}\n")
    out = csv.writer(written, lineterminator="\n")
    names = [name for name in table.space if name != "mapping"]
    epochs = range(1, table.curves.shape[1] + 1)
    out.writerow(["row", "mapping", "seed", *names, *(f"epoch_{e}" for e in epochs), "heldout"])
    weights = np.vstack([np.ones(IMAGES), few_of_many(), many_of_many()])
    varied = []
    for job in whole:
        with np.load(directory / "recorded" / job.file) as recorded:
            curve, common = recorded["curve"], recorded["common"]
        scores = mean_iou(resampled_ious(common[None], weights))[:, 0]
        varied.append((scores[1:] - scores[0]).reshape(2, RESAMPLES))
        params = (table.params[job.row][name] for name in names)
        shown = (f"{v:.6g}" if isinstance(v, float) else v for v in params)
        numbers = (f"{value:.5f}" for value in (*curve, scores[0]))
        out.writerow([job.row, job.mapping, job.seed, *shown, *numbers])
    write_atomic(TABLE, written.getvalue().encode())
    few, many = np.rint(np.stack(varied, axis=1) / UNIT).astype(np.int16)
    packed = io.BytesIO()
    np.savez_compressed(packed, few=few, many=many)
    write_atomic(VARIED_BY_IMAGES, packed.getvalue())
    sizes = [f"{path.name} {path.stat().st_size:,} bytes" for path in (TABLE, VARIED_BY_IMAGES)]
    return f"{len(whole)} trainings: {', '.join(sizes)}"


def few_of_many() -> NDArray[np.float64]:
    """Draw how often each image is in each of the small samples, (RESAMPLES, IMAGES)."""
    rng = np.random.default_rng(FEW_IMAGES)
    return rng.multinomial(FEW_IMAGES, np.full(IMAGES, 1 / IMAGES), RESAMPLES).astype(np.float64)


def many_of_many() -> NDArray[np.float64]:
    """Draw how often each image is in each resample, likewise."""
    return resample_weights(np.arange(IMAGES), RESAMPLES, seed=IMAGES)


def head(directory: Path, whole: list[Job]) -> list[str]:
    packages = ("segexp", "torch", "segmentation-models-pytorch", "optuna")
    last = max((directory / "recorded" / job.file).stat().st_mtime for job in whole)
    return [
        "Configurations under both mappings, recorded by benchmarks/record_paired.py: "
        "val/miou_common after each epoch, and the held-out one of the best epoch.",
        "A line's number is that of its row in paired_images.npz; `row` is one of curves.csv.",
        f"Date: {date.fromtimestamp(last)}",
        f"Machine: {machine()}",
        f"Versions: {', '.join(f'{name} {version(name)}' for name in packages)}",
        f"Settings: {json.dumps({'data.synthetic.test': IMAGES})}",
    ]


if __name__ == "__main__":
    main()
