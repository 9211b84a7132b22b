"""What MLflow lists as a run's data."""

import json
from pathlib import Path

from segexp import tracking
from segexp.core.config_keys import load_config
from segexp.data.open import find_source, open_data
from segexp.labels.files import find_mapping
from segexp.study.data_record import log_data


def test_the_splits_of_a_drawn_set_are_inputs_with_their_use_their_digest_and_their_size(
    project: Path,
) -> None:
    config = load_config(project / "config.yaml", {})
    source = find_source(project, config, [find_mapping(project, config.mapping)])
    dataset = open_data(project, config, source, lambda done, total: None)
    experiment = tracking.open_experiment(project, None, "inputs")
    run = tracking.start_run(experiment, "run", {}, {})
    log_data(run, dataset)
    found = run.client.get_run(run.id).inputs.dataset_inputs
    height, width = config.data.image_size
    assert {
        (each.dataset.name, each.dataset.digest, *[tag.value for tag in each.tags])
        for each in found
    } == {(f"synthetic {use}", dataset.hash, use) for use in ("train", "val", "heldout")}
    assert [json.loads(each.dataset.profile) for each in found if "train" in each.dataset.name] == [
        {"num_rows": 6, "size": f"{height}x{width}"}
    ]
