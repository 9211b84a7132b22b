from functools import partial
from pathlib import Path

import numpy as np
import pytest

from segexp.data.source import MaskRules, Sample, SampleFault, Source, file_of, read_file
from segexp.labels.taxonomy import VOID, Label, Taxonomy

FILES = Sample("a", Path("a.jpg"), Path("a.png"))
DRAWN = Sample("scene", None, None, seed=3)
TAXONOMY = Taxonomy(
    name="t",
    labels=(Label("road", (1, 2, 3)), Label("sky", (4, 5, 6))),
    encodings={"default": {7: 0, 11: 1, 255: VOID}},
)


def source(reading: str, rules: MaskRules) -> Source:
    def nothing(sample: Sample) -> np.ndarray:
        return np.zeros((1, 1), np.uint8)

    return Source("s", None, TAXONOMY, {}, (), nothing, nothing, reading=reading, rules=rules)


def test_a_sample_has_its_files_and_a_drawn_one_has_none() -> None:
    assert FILES.files == (Path("a.jpg"), Path("a.png"))
    assert DRAWN.files == ()
    assert file_of(FILES, "mask") == Path("a.png")
    with pytest.raises(SampleFault, match=r"^scene: has no image file$"):
        file_of(DRAWN, "image")


def test_a_reader_is_told_which_file_and_the_options() -> None:
    calls = []

    def read(path: Path, **options: object) -> np.ndarray:
        calls.append((path, options))
        return np.zeros((1, 1), np.uint8)

    partial(read_file, read, "mask")(FILES, rules=3)
    assert calls == [(Path("a.png"), {"rules": 3})]


def test_raw_ids_are_the_taxonomys_and_then_those_of_the_rules() -> None:
    rules = MaskRules(ids=((7, VOID), (8, 0)))
    assert source("default", rules).raw_ids == {7: VOID, 8: 0, 11: 1, 255: VOID}
    assert source("", MaskRules()).raw_ids == {}
