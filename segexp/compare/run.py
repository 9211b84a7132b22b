"""An A/B study of mappings or configurations: is the model better, or only the ruler kinder?

a study for each arm, in turns -> the candidates: the best configurations of each arm, trained in
every arm -> per-image confusion matrices on images that tuning never saw -> the answer
(`segexp.compare.result`)
"""

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as Dict
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage

from segexp import tracking
from segexp.compare.answer_files import note_answer_files
from segexp.compare.answer_folder import write_answer_folder_if_possible
from segexp.compare.arm_trials import arms_trials_page
from segexp.compare.candidates import Candidate, best_first, choose_candidates
from segexp.compare.design import FEWEST, Mode, Question
from segexp.compare.finals import of_candidates, of_configs, of_winner
from segexp.compare.live_folder import LiveFolder
from segexp.compare.looks import (
    Look,
    answered,
    in_order_of_training,
    is_settled,
    note_look,
    other_margin,
    planned_looks,
    refuse_other_numbers,
)
from segexp.compare.plan import AbPlan, ab_definition, with_ab_name
from segexp.compare.records import note_answer, open_records, write_answer, write_look
from segexp.compare.result import ab_result
from segexp.compare.runs import TooFewRunsError, collect_runs
from segexp.compare.search import Found, describe_search
from segexp.core.errors import InputError, WorkError
from segexp.core.files import write_atomic
from segexp.data.cache import Dataset
from segexp.data.open import describe_data, open_data
from segexp.data.warnings import warn_of_data
from segexp.evaluation.metrics import OBJECTIVE
from segexp.evaluation.statistics.clusters import make_clusters
from segexp.report.trial_gallery import TRIALS_FILE
from segexp.study.changes import Change, change_faults, changes_since, describe_change
from segexp.study.definition import (
    definition_in,
    stored_definition,
    with_begun_halves,
)
from segexp.study.display import StudyDisplay
from segexp.study.engines import Engine, here
from segexp.study.live_results import LiveResults
from segexp.study.naming import Naming
from segexp.study.open import OpenStudy, Place, open_study
from segexp.study.plan import ListPlan, SearchPlan, say_left_out
from segexp.study.results_folder import results_line
from segexp.study.run import run_to_the_end, settle, under_way
from segexp.study.same_data import beginning
from segexp.study.storage.open import has_storage, open_storage


def run_ab(
    plan: AbPlan,
    question: Question,
    storage: BaseStorage,
    display: StudyDisplay,
    *,
    engine: Engine = here,
    workers: int | None = None,
    naming: Naming | None = None,
    mixed: bool = False,
) -> tuple[dict[str, Any], Path]:
    """Train what an A/B study still needs, and compare its arms.

    Args:
        workers: How many trials run at a time; None lets the engine choose.
        naming: How the study is named; None where a person has named it.
        mixed: Whether trials may be computed in another precision here than the study's.

    Returns:
        The content of ``ab_result.json``, and the directory of that file and ``ab.html``.

    Raises:
        InputError: When the data has faults, the images cannot be clustered as asked, or an A/B
            study of this name has another definition.
        WorkError: When an arm has no run that can be compared.
    """
    begun = stored_definition(storage, plan.name)
    bases = [replace(with_begun_halves(arm.base, begun), is_mixed=mixed) for arm in plan.arms]
    arms = [replace(arm, base=base) for arm, base in zip(plan.arms, bases, strict=True)]
    plan = replace(plan, arms=tuple(arms))
    dataset = open_data(plan.project, plan.config, plan.arms[0].base.source, display.caching)
    display.say(describe_data(dataset))
    say_left_out(plan.arms[0], display.say)
    spaces = {m.space.name: m.space for m in plan.mappings}
    warnings = warn_of_data(dataset, [*spaces.values()], [plan.common], display.say)
    clusters = make_clusters(question.cluster, dataset.heldout.ids, dataset.source.heldout_format)
    with (
        _begun(plan, dataset, storage, display, naming) as (plan, (study, record, places)),
        _live(plan, dataset, display, study) as live,
    ):
        display.say(results_line(plan.project, study))
        train = partial(
            _run_in_turn,
            dataset=dataset,
            storage=storage,
            arms=places,
            display=display,
            live=live,
            engine=engine,
            workers=workers,
        )
        found = _find_configs(plan, train, display)
        # An answered study is compared again; if that does not settle it, planned looks follow.
        before = answered(study)
        planned = planned_looks(plan.design, len(found.candidates))
        later = [look for look in planned if before is None or look.number > before.number]
        looks = later if before is None else [before, *later]
        for look in looks:
            finals = train(_finals(plan, found, look))
            display.say("comparing the arms ...")
            is_last = look is looks[-1]
            try:
                runs = collect_runs(finals, plan.names, display.say)
            except TooFewRunsError:
                if is_last:
                    raise
                continue  # later looks have more runs
            result = ab_result(
                plan, dataset, found, runs, clusters=clusters, margin=question.margin, look=look
            )
            is_answer = is_last or is_settled(result)
            note_look(study, plan, look, question.margin, is_answer=is_answer)
            if is_answer:
                break
            write_look(plan, record, result)
            display.say(_not_settled(look, looks))
        changed = other_margin(study, question.margin)
        result["caveats"] = [*filter(None, [changed]), *warnings, *result["caveats"]]
        written = write_answer(plan, dataset, result, runs, record, display)
        directory = written[0].parent
        trials = arms_trials_page(plan.project, finals[0].experiment.uri, storage, study)
        write_atomic(directory / TRIALS_FILE, trials)
        tracking.log_file(record, directory / TRIALS_FILE)
        note_answer_files(study, [*written, directory / TRIALS_FILE])
        write_answer_folder_if_possible(plan.project, study, trials, display.say)
        note_answer(Place(finals[0].experiment, record), result)
    settle(finals, display)
    return result, directory


@contextmanager
def _begun(
    plan: AbPlan,
    dataset: Dataset,
    storage: BaseStorage,
    display: StudyDisplay,
    naming: Naming | None,
) -> Iterator[tuple[AbPlan, tuple[optuna.Study, tracking.Run, list[Place]]]]:
    """Yield the plan under the name that the study has, with its records; see `open_records`."""
    with ExitStack() as records:
        with ExitStack() as held:
            if naming is not None and stored_definition(storage, plan.name) is None:
                source = plan.arms[0].base.source
                begun = beginning(
                    naming, storage, plan.project, source, display.say, has_parts=True
                )
                plan = with_ab_name(plan, held.enter_context(begun))
            _refuse_another(plan, dataset, storage)
            opened = records.enter_context(open_records(plan, dataset, storage, display.say))
        yield plan, opened


@contextmanager
def _live(
    plan: AbPlan, dataset: Dataset, display: StudyDisplay, study: optuna.Study
) -> Iterator[LiveFolder | None]:
    """Yield the page of a study without an answer, which says so if the block ends without one."""
    if answered(study) is not None:  # its page has that
        yield None
        return
    live = LiveFolder(plan, study, describe_data(dataset).removeprefix("data: "), display.say)
    try:
        yield live
    finally:
        if answered(study) is None:
            live.write(is_live=False)


def _not_settled(look: Look, looks: Sequence[Look]) -> str:
    return (
        f"look {look.number} of {len(looks)}, at {look.configs} of {looks[-1].configs} "
        "configurations, does not settle it: continuing"
    )


def _find_configs(
    plan: AbPlan,
    train: Callable[[Sequence[SearchPlan | ListPlan]], list[OpenStudy]],
    display: StudyDisplay,
) -> Found:
    """Let the arms search, and choose what all of them train.

    Raises:
        WorkError: When a search has no complete trial, or all searches together have tried fewer
            than two configurations.
    """
    if plan.design.mode == "matched":
        candidates = [Candidate(params, ()) for params in plan.configs]
        return Found((), tuple(in_order_of_training(candidates, plan)))
    opened = train(plan.arms)
    searches = tuple(describe_search(arm.study) for arm in opened)
    for name, search in zip(plan.names, searches, strict=True):
        display.say(
            f"{name}: trial {search.best_trial} is the best, {OBJECTIVE} {search.best_value:.4f}"
        )
    trials = [arm.study.get_trials(deepcopy=False) for arm in opened]
    allowed = plan.points.allows  # another arm may not be able to train what one has found
    if plan.design.mode == "tuned":
        winners = (
            Candidate(of_arm[search.best_trial].params, (place,))
            for place, (of_arm, search) in enumerate(zip(trials, searches, strict=True))
        )
        return Found(searches, tuple(winners))
    ranked = [
        [whole for params in best_first(of_arm) if allowed(whole := plan.whole(place, params))]
        for place, of_arm in enumerate(trials)
    ]
    candidates = choose_candidates(ranked, plan.design.configs, plan.points.key)
    if len(candidates) < FEWEST:
        raise WorkError(
            f"the searches have tried only {len(candidates)} configuration, which shows no spread; "
            "give the arms more --trials, or a larger space"
        )
    display.say(f"{len(candidates)} candidates, the best of all searches, are trained in every arm")
    return Found(searches, tuple(in_order_of_training(candidates, plan)))


def _finals(plan: AbPlan, found: Found, look: Look) -> list[ListPlan]:
    if plan.design.mode == "tuned":
        return [
            of_winner(arm, search.best_trial, candidate.params, plan.seeds)
            for arm, search, candidate in zip(
                plan.arms, found.searches, found.candidates, strict=True
            )
        ]
    candidates = found.candidates[: look.configs]
    if plan.design.mode == "matched":
        return of_configs(plan, [candidate.params for candidate in candidates])
    return of_candidates(plan, candidates)


def _run_in_turn(
    plans: Sequence[SearchPlan | ListPlan],
    dataset: Dataset,
    storage: BaseStorage,
    arms: Sequence[Place],
    display: StudyDisplay,
    live: LiveFolder | None,
    *,
    engine: Engine,
    workers: int | None,
) -> list[OpenStudy]:
    """Run the studies of the arms; the next trial is always of the least advanced arm."""
    opened = [
        open_study(plan, dataset, storage, definition_in(storage, plan.base, dataset), arm)
        for plan, arm in zip(plans, arms, strict=True)
    ]
    with ExitStack() as stack:
        for study in opened:
            stack.enter_context(under_way(study, display))
        if live is not None:
            live.follow(opened)
            display = LiveResults(display, live)
        run_to_the_end(opened, display, engine, workers=workers)
        return opened


def begun_as(url: str | None, project: Path, name: str) -> Mode | None:
    """Return how the arms of an A/B study are compared; None if no study has this name.

    Raises:
        InputError: When the storage cannot be opened, or a newer segexp ran the study.
    """
    if not has_storage(url, project):
        return None
    stored = stored_definition(open_storage(url, project), name)
    mode: Mode | None = None if stored is None else stored.get("mode")
    return mode


def _refuse_another(plan: AbPlan, dataset: Dataset, storage: BaseStorage) -> None:
    """Refuse an A/B study of this name with another definition, before any run is opened."""
    of_all = changes_since(storage, plan.name, ab_definition(plan, dataset)) or []
    plans = of_configs(plan, plan.configs) if plan.design.mode == "matched" else plan.arms
    of_arms = {
        base.study.name: changes_since(
            storage, base.study.name, definition_in(storage, base, dataset)
        )
        for base in (planned.base for planned in plans)
    }
    if of_all:
        *faults, advice = change_faults(plan.name, of_all, dataset.root, revisable=False)
        raise InputError([*faults, *_changed_settings(of_arms), advice])
    for_each = (
        change_faults(n, c or [], dataset.root, revisable=False) for n, c in of_arms.items()
    )
    if faults := list(dict.fromkeys(chain.from_iterable(for_each))):
        raise InputError(faults)
    refuse_other_numbers(plan, storage)


def _changed_settings(of_arms: Dict[str, Sequence[Change] | None]) -> list[str]:
    """Return the settings behind another digest of the data, as the first arm names them."""
    found: list[Change] = []
    shown: list[str] = []
    for name, changes in of_arms.items():
        for change in changes or ():
            is_setting = change.key not in {"data", "heldout", "common_space"}
            if is_setting and not change.is_of_labels and change not in found:
                found.append(change)
                shown.append(describe_change(name, change))
    return shown
