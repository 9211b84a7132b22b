"""`segexp schema`."""

import json
from pathlib import Path

import pytest

from segexp.cli.schema import KINDS
from segexp.study import schemas
from tests.cli.running import segexp


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_one_json_object(tmp_path: Path, kind: str) -> None:
    done = segexp(tmp_path, "schema", kind)
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out)["$schema"].startswith("https://json-schema.org/")


def test_all_kinds_are_offered_and_others_refused(tmp_path: Path) -> None:
    assert set(KINDS) == set(schemas.KINDS)
    refused = segexp(tmp_path, "schema", "maping")
    assert (refused.code, "did you mean 'mapping'?" in refused.err) == (2, True)
