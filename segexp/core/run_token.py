"""What stands for the id of a run that a tracking server is yet to create.

Whoever only asks about it, such as ``segexp best``, need not load MLflow.
"""

import secrets

_ENDING = "-pending"


def new_token() -> str:
    """Return what stands for a run until it is created; its first characters are its own."""
    return secrets.token_hex(12) + _ENDING


def is_token(run_id: str) -> bool:
    """Whether a run's id is a token."""
    return run_id.endswith(_ENDING)
