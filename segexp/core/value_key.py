"""Whether two values of one parameter are the same."""

import re
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1 << 14, typed=True)
def value_key(name: str, value: Any) -> tuple[str, Any]:
    """Return what tells the values of a parameter apart: equal where they mean the same.

    An architecture has several spellings, and a float that was counted in steps has an error in
    its last digits: 0.1 + 0.2 is 0.3. None, False, 0 and 0.0 differ.

    Args:
        name: The parameter's name, the last part of its key.

    Returns:
        The type's name, and the value without these differences.
    """
    if name == "arch":
        value = arch_key(str(value))
    if isinstance(value, float):
        value = float(f"{value:.12g}")
    return type(value).__name__, value


def arch_key(arch: str) -> str:
    """Return the key of smp for an architecture, however people write it.

    ``Unet``, ``UNet`` and ``U-Net`` are ``unet``; ``unet++`` and ``Unet_plus_plus`` are
    ``unetplusplus``. An unknown name gives a key that smp does not know.
    """
    return re.sub(r"[-_ ]", "", arch.lower().replace("+", "plus"))
