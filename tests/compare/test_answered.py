from collections.abc import Sequence
from dataclasses import replace

import optuna
import pytest
from optuna.storages import BaseStorage, InMemoryStorage

from segexp.compare.answered import Wanted, find_answered
from segexp.compare.arms import arms_definition, parse_arms, with_mappings
from segexp.compare.design import Mode, Question
from segexp.core.errors import InputError
from segexp.study.attributes import ANSWER, DEFINITION
from segexp.study.naming import Naming

ARMS = ("merged10", "slow: {learning_rate: 0.0001}")


def wanted(*arms: str, mode: Mode = "matched", name: str = "ab") -> Wanted:
    definition = arms_definition(mode, parse_arms(arms or ARMS))
    return Wanted(name, None, definition, {}, Question(0.01, "auto"), {})


def begin(
    storage: BaseStorage, name: str, arms: Sequence[str], mode: Mode, *, is_answer: bool = True
) -> None:
    """Begin an A/B study in a project whose mapping is camvid11, on data of its own."""
    study = optuna.create_study(storage=storage, study_name=name)
    named = with_mappings(parse_arms(arms), "camvid11")
    study.set_user_attr(DEFINITION, {**arms_definition(mode, named), "data": f"{name} 0123"})
    study.set_user_attr(ANSWER, {"look": {"number": 1}, "is_answer": is_answer})


def found(storage: BaseStorage, which: Wanted) -> str | None:
    study = find_answered(storage, which)
    return None if study is None else study.study_name


def test_a_study_is_found_by_its_name_and_arms_though_the_projects_mapping_is_not_here() -> None:
    storage = InMemoryStorage()
    begin(storage, "ab", ARMS, "matched")
    assert found(storage, wanted()) == "ab"
    assert found(storage, wanted(name="ab-streets")) is None
    assert found(storage, wanted("merged10", "slow: {learning_rate: 0.001}")) is None
    assert found(storage, wanted(*reversed(ARMS))) is None
    assert found(storage, wanted(mode="shared")) is None


def test_a_study_without_an_answer_is_not_asked() -> None:
    storage = InMemoryStorage()
    begin(storage, "ab", ARMS, "matched", is_answer=False)
    optuna.create_study(storage=storage, study_name="other")
    assert found(storage, wanted()) is None
    assert found(storage, wanted(name="other")) is None


def test_a_study_that_nobody_named_is_found_whatever_its_data_is_called() -> None:
    storage = InMemoryStorage()
    begin(storage, "ab-streets", ARMS, "matched")
    unnamed = replace(wanted(), naming=Naming(("ab",)))
    assert found(storage, unnamed) == "ab-streets"
    begin(storage, "ab-alleys", ARMS, "matched")
    with pytest.raises(InputError, match="studies ab-alleys, ab-streets of these arms have answ"):
        found(storage, unnamed)
    begin(storage, "ab", ARMS, "matched")
    assert found(storage, unnamed) == "ab"
