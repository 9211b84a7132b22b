"""``segexp ab ARMS``: arms that are trained."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segexp.cli.console import print_json, results_beside, say
from segexp.cli.live import LiveDisplay
from segexp.cli.options import GOES_ON, NOT_BEGUN, refuse_unreachable
from segexp.core.errors import InputError, WorkError
from segexp.core.signals import interruption_leaves
from segexp.core.wording import counted
from segexp.study.engines import Engine
from segexp.study.naming import Naming

if TYPE_CHECKING:
    from segexp.compare.arms import Arm
    from segexp.compare.design import Design
    from segexp.core.config import Config


@dataclass(frozen=True)
class Asked:
    """What is asked about which arms.

    Attributes:
        naming: How the study is named, unless a person has named it.
        mixed: Whether trainings may be computed in another precision here than the study's.
    """

    root: Path
    study: str | None
    overrides: dict[str, Any]
    arms: "list[Arm]"
    name: str
    naming: Naming | None
    margin: float
    cluster: str
    mixed: bool
    options: tuple[tuple[str, str], ...]


def train_and_compare(
    asked: Asked, design: "Design", seeds: int | None, engine: Engine, at_once: int | None
) -> tuple[dict[str, Any], Path]:
    """Train what is missing; return the answer and its page in the results folder."""
    from segexp.core.disk import full_disk_explained

    root = asked.root
    with full_disk_explained(root), interruption_leaves(NOT_BEGUN), LiveDisplay() as display:
        if (again := _asked_again(asked, design, display)) is not None:
            return again
        known = _refuse_early(root, asked.study, asked.overrides, asked.arms, display)
        display.say("loading torch, optuna and mlflow ...")
        engine.prepare(at_once, known)
        from segexp.compare.design import Design, Question
        from segexp.compare.plan import AbPlan, plan_ab
        from segexp.compare.run import begun_as, run_ab
        from segexp.study.results_folder import REPORT_FILE, results_folder
        from segexp.study.same_data import name_on_same_data
        from segexp.study.storage.open import load_study, open_storage

        def planned(name: str) -> AbPlan:
            own = design
            if own.mode != "matched" and known and begun_as(known.storage, root, name) == "tuned":
                own = Design("tuned", configs=1, seeds=5 if seeds is None else seeds)
            plan = plan_ab(root, asked.study, asked.arms, asked.overrides, name=name, design=own)
            return replace(plan, options=asked.options)

        plan = planned(asked.name)
        config = plan.config
        storage_now = open_storage(config.storage, root, config.storage_patience)
        if asked.naming is not None:
            source = plan.arms[0].base.source
            name = name_on_same_data(
                asked.naming, storage_now, root, source, display.say, has_parts=True
            )
            plan = plan if name == plan.name else planned(name)
        display.say(
            f"A/B study {plan.name}: {len(plan.arms)} arms, "
            f"{_work(plan.design, plan.arms[0].base.study.trials)}; "
            f"{counted(config.training.epochs, 'epoch')}; compared in "
            f"{len(plan.common.classes)} common classes, margin {asked.margin:g}"
        )
        question = Question(asked.margin, asked.cluster)
        with interruption_leaves(GOES_ON):
            result, _ = run_ab(
                plan,
                question,
                storage_now,
                display,
                engine=engine,
                workers=at_once,
                naming=asked.naming,
                mixed=asked.mixed,
            )

    return result, results_folder(root, load_study(storage_now, result["name"])) / REPORT_FILE


def _asked_again(
    asked: Asked, design: "Design", display: LiveDisplay
) -> tuple[dict[str, Any], Path] | None:
    """Ask a study that has answered from its records, where its mappings or data are not here.

    Returns:
        The answer and its page; None where this is a place to train in, or there is no answer yet.
    """
    from segexp.compare.trainable import settings_elsewhere, speaks_of_data
    from segexp.core.config import CONFIG_FILE
    from segexp.core.database_url import DEFAULT_STORAGE, sqlite_file

    root = asked.root
    try:
        found = settings_elsewhere(root, asked.overrides, asked.arms)
    except InputError:  # reported with all other faults
        return None
    if found is None:
        return None
    config, settings = found
    file = sqlite_file(config.storage or DEFAULT_STORAGE, root)
    if config.storage is None and file is not None and not file.is_file():
        return None
    from segexp.compare.answered import Wanted, find_answered
    from segexp.compare.arms import arms_definition
    from segexp.compare.design import Question, numbers_of
    from segexp.study.storage.open import read_storage

    wanted = Wanted(
        asked.name,
        asked.naming,
        arms_definition(design.mode, asked.arms),
        numbers_of(design, None if design.mode == "matched" else asked.overrides["trials"]),
        Question(asked.margin, asked.cluster),
        settings,
        asked.options,
    )
    study = find_answered(read_storage(config.storage, root), wanted)
    if study is None and speaks_of_data(root):
        return None  # what is wrong with the data is said by what would train
    if study is None:
        raise InputError(
            f"no A/B study {asked.name!r} of {', '.join(arm.name for arm in asked.arms)} "
            f"({design.mode}) has answered in the storage, and {root / CONFIG_FILE} names no data "
            "to begin one: `segexp studies` lists those that there are; take one with --study-name"
        )
    display.say("loading torch, optuna and mlflow ...")
    from segexp.compare.asked_again import ask_again
    from segexp.study.results_folder import REPORT_FILE, results_folder

    result, _ = ask_again(root, config, study.study_name, wanted, display.say)
    return result, results_folder(root, study) / REPORT_FILE


def show_plan(
    asked: Asked, pilot: str | None, design: "Design", trials: int, command: str, json_: bool
) -> None:
    """Say what a study of this design can find, and what the margin needs."""
    from segexp.compare.design import design_faults
    from segexp.compare.pilot import find_pilot, outlook_lines, outlooks

    names = [arm.name for arm in asked.arms]
    if faults := design_faults(design, trials, len(names)):
        raise InputError(faults)
    _fetch_pilot(asked, pilot or asked.name)
    known = find_pilot(asked.root, pilot, asked.name, names, design.mode, command)
    found = outlooks(known, names, design, trials, asked.margin)
    if json_:
        print_json({"plans": [outlook.to_dict() for outlook in found]})
    for outlook in found:
        for line in outlook_lines(outlook, design, trials):
            say(line, results_beside(json_))


def _fetch_pilot(asked: Asked, name: str) -> None:
    """Fetch the answer of an A/B study that answered elsewhere, if there is none here."""
    from segexp.compare.pilot import has_result

    if has_result(asked.root, name):
        return
    from segexp.compare.answer_files import fetch_answer_if_possible
    from segexp.study.config import read_study
    from segexp.study.recorded_place import recorded_uri
    from segexp.study.storage.open import load_study, read_storage

    try:
        _, _, config = read_study(asked.root, asked.study, asked.overrides)
        study = load_study(read_storage(config.storage, asked.root), name)
    except (InputError, WorkError):  # what is asked for is refused with what there is
        return
    uri = recorded_uri(asked.root, study.user_attrs, config.tracking.uri)
    fetch_answer_if_possible(asked.root, uri, study, say)


def _refuse_early(
    root: Path,
    study: str | None,
    overrides: dict[str, Any],
    arms: "list[Arm]",
    display: LiveDisplay,
) -> "Config | None":
    """Refuse databases and data that are invalid, before torch is loaded.

    Returns:
        The configuration; None if the plan will say what is wrong with it.
    """
    from segexp.compare.arms import with_mappings
    from segexp.core.damaged_database import refuse_damaged
    from segexp.data.warnings import refuse_data
    from segexp.study.config import read_study

    try:
        _, _, config = read_study(root, study, overrides)
        named = with_mappings(arms, config.mapping)
        mappings = [str(arm.settings["mapping"]) for arm in named]
        _, _, config = read_study(root, study, {**overrides, "mapping": mappings[0]})
    except InputError:
        return None
    refuse_damaged(root, {"storage": config.storage, "tracking.uri": config.tracking.uri})
    refuse_data(root, config, mappings, display.caching, named_by="as arms")
    refuse_unreachable(root, config, display.say)
    return config


def _work(design: "Design", trials: int) -> str:
    times = "" if design.seeds == 1 else f" {design.seeds} times"
    if design.mode == "tuned":
        return f"{trials} trials and {design.seeds} final trainings of each"
    if design.mode == "matched":
        return f"{design.configs} random configurations trained{times} in each"
    return f"a search of {trials} trials and {design.configs} candidates trained{times} in each"
