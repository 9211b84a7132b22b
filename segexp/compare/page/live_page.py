"""The page of an A/B study while it runs: what is done, and what is left.

It has no score of a final training and compares no arms. Who sees how the arms differ, and ends
the study when that pleases, finds differences that do not exist: `segexp.compare.looks`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from segexp.report.page import Section, cards, note, paragraph, render_page, statement, table
from segexp.report.study_page import RELOAD_SECONDS
from segexp.report.trials import score_text


@dataclass(frozen=True)
class ArmSoFar:
    """How far one part of an arm is: its search, or its final trainings.

    Attributes:
        arm: The arm's name.
        ended: How many trials have ended.
        trials: How many there are to be.
        score: Of a search, the best trial's score on the tuning images so far.
    """

    arm: str
    ended: int
    trials: int
    score: float | None = None


@dataclass(frozen=True)
class AbSoFar:
    """An A/B study without an answer.

    Attributes:
        about: What is asked, in a sentence.
        searches: By arm; empty where the arms do not search.
        finals: By arm; empty before they begin.
        finals_ahead: How many final trainings there are to be in all arms together.
        looks: How often the arms are compared.
        is_live: Whether the study runs.
    """

    name: str
    about: str
    searches: Sequence[ArmSoFar]
    finals: Sequence[ArmSoFar]
    finals_ahead: int
    looks: int
    is_live: bool


def live_page(view: AbSoFar) -> str:
    """Draw how far an A/B study is, as a self-contained HTML page."""
    return render_page(
        f"A/B study {view.name}",
        list(_opening(view)),
        list(_sections(view)),
        reload_after=RELOAD_SECONDS if view.is_live else None,
    )


def _opening(view: AbSoFar) -> Iterator[Markup]:
    yield statement("Which arm trains the better model?", "No answer yet.")
    yield paragraph(view.about)
    finals = sum(arm.trials for arm in view.finals) if view.looks == 1 else 0
    done = [(_of(view.searches), "trials of the searches")] if view.searches else []
    ended = sum(arm.ended for arm in view.finals)
    yield cards([*done, (f"{ended} of {finals or view.finals_ahead}", "final trainings")])
    yield paragraph(
        "The study is running; this page loads itself again, and has the answer in the end."
        if view.is_live
        else "The study was ended before it had an answer. The same `segexp ab` command goes on."
    )
    when = "when all final trainings have ended"
    if view.looks > 1:
        when = f"at {view.looks} planned looks during the final trainings, or fewer"
    yield note(
        f"The arms are compared {when}. Until then nothing here compares them: who looks at a "
        "difference early, and stops when it pleases, finds differences that do not exist."
    )


def _of(arms: Sequence[ArmSoFar]) -> str:
    return f"{sum(arm.ended for arm in arms)} of {sum(arm.trials for arm in arms)}"


def _sections(view: AbSoFar) -> Iterator[Section]:
    if view.searches:
        header = ["arm", "trials ended", "of", "best so far (tuning)"]
        rows = [[a.arm, str(a.ended), str(a.trials), score_text(a.score)] for a in view.searches]
        yield Section(
            "Searches",
            [
                table(header, rows, numeric=(1, 2, 3)),
                note(
                    "The best score of a search was chosen on the tuning images and flatters, each "
                    "search by luck of its own. It says how a search goes, not which arm is better."
                ),
            ],
        )
    rows = [[arm.arm, str(arm.ended), str(arm.trials)] for arm in view.finals]
    begun = table(["arm", "trainings ended", "of"], rows, numeric=(1, 2))
    waiting = paragraph("They begin when the searches of all arms have ended.")
    yield Section("Final trainings", [begun if rows else waiting])
