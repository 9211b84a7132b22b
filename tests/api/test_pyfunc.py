from pathlib import Path

import numpy as np

import segexp
from segexp.api.pyfunc import _load_pyfunc


def test_a_batch_has_the_masks_of_its_images(saved: Path) -> None:
    batch = np.random.default_rng(0).integers(0, 256, (2, 40, 50, 3), np.uint8)
    found = _load_pyfunc(str(saved)).predict(batch)
    expected = segexp.load(saved).predict(list(batch))
    assert found.dtype == np.uint8
    assert np.array_equal(found, np.stack([each.mask for each in expected]))
