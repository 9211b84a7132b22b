"""Measure the latency of the models on a study's front again.

    python benchmarks/cost.py STUDY [--project DIR]

Prints a line for each saved model beside what its trial recorded, and exits with 1 if one is off by
more than a tenth. Measures as a trial does (segexp/training/cost.py), in the number format
that `config.yaml` names, and takes the fastest of five measurements.
"""

import argparse
import sys
import time
from pathlib import Path

from segexp.core.config import CONFIG_FILE
from segexp.core.config_keys import load_config
from segexp.study.best import find_best
from segexp.study.storage.open import load_study, read_storage
from segexp.training.bundle import load_bundle
from segexp.training.compute import choose_compute
from segexp.training.cost import measure_cost

TOLERANCE = 0.1

# A busy machine is less busy at times.
TIMES, PAUSE = 5, 1.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("study")
    parser.add_argument("--project", type=Path, default=Path())
    options = parser.parse_args()
    project = options.project.resolve()
    config = load_config(project / CONFIG_FILE, {})
    study = load_study(read_storage(config.storage, project), options.study)
    compute = choose_compute(config.training.precision)
    off = 0
    for on_front in find_best(study).front:
        found = find_best(study, on_front.number)
        recorded = found.result.cost
        if recorded is None:
            continue
        bundle = load_bundle(found.bundle(project))
        model = compute.place(bundle.model)
        costs = []
        for _ in range(TIMES):
            costs.append(measure_cost(model, bundle.preprocessing.image_size, compute))
            time.sleep(PAUSE)
        cost = min(costs, key=lambda one: one.latency_ms)
        ratio = cost.latency_ms / recorded["latency_ms"]
        off += abs(ratio - 1) > TOLERANCE
        name = f"{bundle.arch} on {bundle.encoder}, width {bundle.decoder_width:g}"
        same = (cost.macs, cost.parameters) == (recorded["macs"], recorded["parameters"])
        print(
            f"trial {on_front.number}: {name}: score {on_front.values[0]:.4f}, latency "
            f"{recorded['latency_ms']:.2f} ms recorded, {cost.latency_ms:.2f} now ({ratio:.2f}); "
            f"{'the same' if same else 'other'} macs and parameters; {cost.measured_on}"
        )
    return 1 if off else 0


if __name__ == "__main__":
    sys.exit(main())
