"""The top of a study's page: the answer, what it is of, and how many trials it took."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from markupsafe import Markup

from segexp.core.wording import counted, signed
from segexp.report.page import note, paragraph, statement
from segexp.report.trials import STATES, StudyView, TrialRow, heldout_score

_TRIED_AGAIN = ("promoted", "interrupted")


def opening(view: StudyView) -> list[Markup]:
    """Return the answer in large type, and below it what it is of."""
    about = [f"{counts_text(view.rows)}; ranked by {view.score_name}."]
    if "data" in view.definition:
        about.append(f"Data: {view.definition['data']}.")
    if "data.image_size" in view.definition:
        size = view.definition["data.image_size"].strip("[]").replace(", ", "x")  # as recorded
        rule = view.definition.get("data.resize")
        seen = (
            f"at {size}" if rule in (None, "stretch") else f"resized by {rule}, {size} seen at once"
        )
        about.append(f"Images {seen}.")
    if view.precisions:
        about.append(f"{mixed_text(view)}.")
    if view.is_live:
        about.append("The study is running; this page loads itself again.")
    parts = [statement(view.score_name, answer_text(view))]
    if missed := missed_text(view):
        parts.append(note(missed))
    if view.best is not None:
        parts.append(paragraph(setup_text(view, view.best)))
        if said := interval_text(view.best):
            parts.append(paragraph(said))
    return [*parts, paragraph(" ".join(about))]


def mixed_text(view: StudyView) -> str:
    """Say how many trials were computed in which precision, where the hosts differed."""
    counts = [f"{counted(count, 'trial')} in {name}" for name, count in view.precisions.items()]
    return f"Hosts of mixed precision: {' and '.join(counts)}"


def answer_text(view: StudyView) -> str:
    """Say how good the best trial is: ``best 0.478 held-out, +0.164 over the baseline``."""
    if view.best is None:
        return "No trial has completed with a score" + (" yet" if view.is_live else "")
    is_heldout = heldout_score(view.best, view.objective) is not None
    of: Callable[[TrialRow], float | None] = (
        partial(heldout_score, objective=view.objective) if is_heldout else _tuning_score
    )
    score = of(view.best)
    text = f"best {_short(score)} {'held-out' if is_heldout else 'on the tuning images'}"
    if view.baseline is view.best:
        return f"{text}: the baseline, which no trial beat{' yet' if view.is_live else ''}"
    base = of(view.baseline) if view.baseline else None
    if base is None or score is None or not math.isfinite(score - base):
        return text
    gain = score - base
    shown = signed(gain)
    return f"{text}, {shown} {'against' if shown.startswith('-') else 'over'} the baseline"


def interval_text(row: TrialRow) -> str:
    """Say how far other images would move a trial's held-out score; empty where that is unknown."""
    said = row.result and row.result.interval_note
    return f"{said[:1].upper()}{said[1:]}." if said else ""


def missed_text(view: StudyView) -> str:
    """Say that no trial meets the constraints, and what the nearest one misses; else empty."""
    if view.best is None or not view.missed:
        return ""
    return (
        f"No trial meets the constraints. Trial {view.best.number} came nearest: "
        f"{'; '.join(view.missed)}."
    )


def _tuning_score(row: TrialRow) -> float | None:
    return row.value


def setup_text(view: StudyView, row: TrialRow) -> str:
    """Say which mapping and network a trial has, as far as the study knows."""
    mapping = _setting(view, row, "mapping") or _only_mapping(view)
    arch, encoder = (_setting(view, row, f"model.{key}") for key in ("arch", "encoder"))
    network = " with ".join(filter(None, (arch, encoder)))
    said = ", ".join(filter(None, (mapping and f"mapping {mapping}", network)))
    return f"Trial {row.number}: {said}." if said else f"Trial {row.number}."


def counts_text(rows: Sequence[TrialRow]) -> str:
    """Say how many trials there are, in numbers that add up.

    A trial that was stopped and resumed, or interrupted and tried again, counts once, as it ended:
    ``50 trials: 13 complete, 37 pruned, 2 of these promoted``.
    """
    counts = Counter(row.state for row in rows)
    shown = {state: counts[state] for state in STATES if state not in _TRIED_AGAIN}
    total = sum(shown.values())
    parts = [f"{count} {state}" for state, count in shown.items() if count]
    by_number = {row.number: row for row in rows}
    if resumed := sum(_is_promoted(row, by_number) for row in rows):
        parts.append(f"{resumed} of these promoted")
    text = counted(total, "trial") + (f": {', '.join(parts)}" if parts else "")
    if counts["interrupted"]:
        text += f"; {counts['interrupted']} interrupted, which do not count"
    return text


def _is_promoted(row: TrialRow, by_number: dict[int, TrialRow]) -> bool:
    """Whether a trial that counts resumed one that had been stopped, maybe after interruptions."""
    if row.state in _TRIED_AGAIN:
        return False
    while row.before is not None and row.before < row.number:
        row = by_number[row.before]
        if row.state == "promoted":
            return True
    return False


def _setting(view: StudyView, row: TrialRow, key: str) -> str | None:
    found = [row.params.get(key), row.params.get(key.rpartition(".")[2]), view.definition.get(key)]
    return next((str(value) for value in found if value is not None), None)


def _only_mapping(view: StudyView) -> str | None:
    names = [key.partition(".")[2] for key in view.definition if key.startswith("mappings.")]
    return names[0] if len(names) == 1 else None


def _short(score: float | None) -> str:
    return "-" if score is None or math.isnan(score) else f"{score:.3f}"
