"""The results folder of an A/B study that has no answer yet: a page that says how far it is."""

from collections.abc import Callable, Sequence

import optuna

from segexp.compare.page.live_page import AbSoFar, ArmSoFar, live_page
from segexp.compare.plan import AbPlan
from segexp.study.live_results import Trying, WhenDue
from segexp.study.open import OpenStudy
from segexp.study.plan import SearchPlan
from segexp.study.results_folder import REPORT_FILE, results_folder, write_files
from segexp.study.so_far import so_far


class LiveFolder:
    """The page of a running A/B study, rewritten as trials begin, train and end.

    Args:
        data: What is known of the data, in words.
    """

    def __init__(
        self, plan: AbPlan, study: optuna.Study, data: str, say: Callable[[str], None]
    ) -> None:
        self._plan = plan
        self._study = study
        self._data = data
        self._trying = Trying(say)
        self._when_due = WhenDue(lambda: self.write(is_live=True))
        self._searches: Sequence[OpenStudy] = ()
        self._finals: Sequence[OpenStudy] = ()

    def follow(self, opened: Sequence[OpenStudy]) -> None:
        """Take the studies of the arms that are about to run: their searches, or their finals."""
        if isinstance(opened[0].plan, SearchPlan):
            self._searches = opened
        else:
            self._finals = opened
        self.write(is_live=True)

    def write_if_due(self) -> None:
        """Write the page unless that was a short time ago."""
        self._when_due.write_if_due()

    def write(self, *, is_live: bool) -> None:
        """Write the page; a fault is said once, and ends nothing."""
        project, study = self._plan.project, self._study
        self._trying.write(
            results_folder(project, study),
            lambda: write_files(project, study, {REPORT_FILE: live_page(self._view(is_live))}),
        )

    def _view(self, is_live: bool) -> AbSoFar:
        plan, names = self._plan, self._plan.names
        design = plan.design
        compared = f"in {len(plan.common.classes)} common classes, on held-out images"
        return AbSoFar(
            name=plan.name,
            about=f"{' or '.join(names)}: compared by mIoU {compared}. Data: {self._data}.",
            searches=[_arm(*arm) for arm in zip(names, self._searches, strict=False)],
            finals=[_arm(*arm) for arm in zip(names, self._finals, strict=False)],
            finals_ahead=design.configs * design.seeds * len(names),
            looks=design.looks,
            is_live=is_live,
        )


def _arm(name: str, opened: OpenStudy) -> ArmSoFar:
    trials = opened.study.get_trials(deepcopy=False)
    so = so_far(opened.study.study_name, opened.plan, trials)
    return ArmSoFar(
        name, so.ended, so.trials, so.score if isinstance(opened.plan, SearchPlan) else None
    )
