"""The faults of a configuration, as the tests of its reading ask for them."""

import pytest

from segexp.core.config_keys import build_config
from segexp.core.errors import InputError


def faults_of(content: object, overrides: dict | None = None) -> tuple[str, ...]:
    assert isinstance(content, dict)
    with pytest.raises(InputError) as caught:
        build_config("c.yaml", content, overrides or {})
    return caught.value.faults
