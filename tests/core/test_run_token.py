"""What stands for runs that are not created yet."""

from segexp.core.run_token import is_token, new_token


def test_a_token_is_known_as_one_and_is_its_own() -> None:
    assert is_token(new_token())
    assert new_token()[:8] != new_token()[:8]


def test_mlflow_ids_are_not_tokens_and_tokens_of_earlier_versions_are() -> None:
    assert not is_token("0f1e2d3c4b5a69788796a5b4c3d2e1f0")
    assert not is_token("")
    assert is_token("00112233445566778899aabb-pending")
