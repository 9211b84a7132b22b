"""A token in place of the id of a run that the tracking server has yet to create.

Commands that only ask about it, such as ``segexp best``, do not load MLflow.
"""

import secrets

_ENDING = "-pending"


def new_token() -> str:
    """Return a new token for a run until it is created; no other token has its first characters."""
    return secrets.token_hex(12) + _ENDING


def is_token(run_id: str) -> bool:
    """Whether a run's id is a token."""
    return run_id.endswith(_ENDING)
