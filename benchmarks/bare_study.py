"""The bare study: trains and validates configurations one after the other, and nothing else.

python benchmarks/bare_study.py STUDY PROJECT < params.json    # prints their last objectives

`benchmarks/study_overhead.py` measures a study against it.
"""

import json
import sys
from pathlib import Path

from segexp.core.config_keys import with_values
from segexp.data.open import open_data
from segexp.study.config import read_study
from segexp.study.plan import plan_study
from segexp.study.prepare import prepare_training
from segexp.study.read_space import read_space
from segexp.study.trial import objective_value


def main() -> None:
    name, project = sys.argv[1], Path(sys.argv[2])
    path, study, config = read_study(project, name, {})
    plan = plan_study(project, str(path), study, config, read_space(str(path), study, config))
    dataset = open_data(project, config, plan.base.source, lambda done, total: None)
    values = []
    for params in json.load(sys.stdin):
        own = with_values(config, params)
        training = prepare_training(own, dataset, plan.base.mappings[own.mapping], plan.base.common)
        *_, last = training.trainer.epochs(own.training.epochs)
        values.append(objective_value(last.validation, study.score))
    print(json.dumps(values))


if __name__ == "__main__":
    main()
