"""A bundle of a small model, in memory and saved."""

from pathlib import Path

import pytest

from segexp.training.bundle import Bundle, save_bundle
from tests.small_bundle import small_bundle


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    return small_bundle()


@pytest.fixture
def saved(bundle: Bundle, tmp_path: Path) -> Path:
    save_bundle(tmp_path / "best", bundle)
    return tmp_path / "best"
