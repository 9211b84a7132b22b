"""The data that a run used."""

import json

from segexp import tracking
from segexp.tracking import DataInput, Run


def test_each_split_is_an_input_with_its_digest_its_place_and_its_size(run: Run):
    for place, use in (("/data/street", "train"), (None, "heldout")):
        data = DataInput(f"street {use}", "0123abcd", place, 40, "256x512", use)
        tracking.log_inputs(run, [data])
    found = run.client.get_run(run.id).inputs.dataset_inputs
    train, drawn = sorted(found, key=lambda each: str(each.dataset.source_type), reverse=True)
    assert (train.dataset.name, train.dataset.digest) == ("street train", "0123abcd")
    assert (train.dataset.source_type, train.dataset.source) == ("local", '{"uri": "/data/street"}')
    assert json.loads(train.dataset.profile) == {"num_rows": 40, "size": "256x512"}
    assert [(tag.key, tag.value) for tag in train.tags] == [("mlflow.data.context", "train")]
    assert drawn.dataset.source_type == "code"
