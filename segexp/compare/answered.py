"""Which A/B study has answered before that is asked again. Torch is not loaded for it."""

from collections.abc import Mapping as Dict
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.storages import BaseStorage

from segexp.compare.design import Question
from segexp.core.errors import InputError
from segexp.study.attributes import ANSWER, DEFINITION
from segexp.study.naming import Naming


@dataclass(frozen=True)
class Wanted:
    """Which A/B study is meant, and what is asked of it.

    Attributes:
        name: Its name, as far as that is known where its data is not.
        naming: How it is named; None where a person has named it.
        arms: From `segexp.compare.arms.arms_definition`, of the arms as they were named.
        numbers: From `segexp.compare.design.numbers_of`.
        settings: From `segexp.compare.trainable.settings_elsewhere`.
        options: As of `segexp.compare.plan.AbPlan`.
    """

    name: str
    naming: Naming | None
    arms: Dict[str, Any]
    numbers: Dict[str, int]
    question: Question
    settings: Dict[str, str]
    options: tuple[tuple[str, str], ...] = ()


def find_answered(storage: BaseStorage, wanted: Wanted) -> optuna.Study | None:
    """Find the A/B study that is meant, on whatever data, if it has answered.

    Raises:
        InputError: When several of these arms have answered, none of them of this name.
    """
    name, naming = wanted.name, wanted.naming
    before = name if naming is None else Naming(naming.before).name
    found = {
        other: study
        for other in optuna.get_all_study_names(storage)
        if other == name or (naming is not None and other.startswith(before))
        if _is_meant(study := optuna.load_study(study_name=other, storage=storage), wanted.arms)
    }
    if name in found or len(found) < 2:
        return found.get(name) or next(iter(found.values()), None)
    raise InputError(
        f"the A/B studies {', '.join(sorted(found))} of these arms have answered: name one of them "
        "with --study-name"
    )


def _is_meant(study: optuna.Study, arms: Dict[str, Any]) -> bool:
    """Whether a study has answered, and has these arms."""
    if not study.user_attrs.get(ANSWER, {}).get("is_answer"):
        return False
    begun: Dict[str, Any] = study.user_attrs.get(DEFINITION, {})
    if any(begun.get(key) != arms[key] for key in ("mode", "arms")):
        return False
    # What an arm does not name is that of its project's configuration, such as the mapping.
    return all(
        {*str(settings).split(", ")} <= {*str(begun.get(key)).split(", ")}
        for key, settings in arms.items()
        if key not in ("mode", "arms")
    )
