"""Trials that an older segexp scored by other rules than the current ones."""

import math
from collections.abc import Iterable

from optuna.trial import FrozenTrial

from segexp.evaluation.metrics import COMMON, metric_of
from segexp.evaluation.result import is_scored_otherwise, result_from_dict
from segexp.study.attributes import RESULT
from segexp.study.standing import score_of


def scored_otherwise(complete: Iterable[FrozenTrial], objective: str) -> tuple[int, ...]:
    """Return the numbers of the complete trials whose score would differ by the current rules.

    The stored score differs from that of the result as read, or is by the older rule ``sum`` and
    that rule differed from ``argmax``.
    """
    metric, ruler = metric_of(objective)

    def differs(trial: FrozenTrial) -> bool:
        stored = trial.user_attrs[RESULT]
        now = result_from_dict(stored).val.of(metric, ruler)
        as_it_was = stored["val"]
        by_sum = ruler == COMMON
        summed = by_sum and as_it_was["miou_common"] != as_it_was["miou_common_argmax"]
        score = score_of(trial)
        is_other = score is not None and not math.isclose(score, now, abs_tol=1e-9)
        return is_other or summed

    older = [t for t in complete if is_scored_otherwise(t.user_attrs[RESULT])]
    return tuple(trial.number for trial in older if differs(trial))
