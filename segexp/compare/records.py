"""What an A/B study leaves: its runs in MLflow, and the files of its answer."""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage

from segexp import tracking
from segexp.compare.ab_note import ab_note, question
from segexp.compare.answer_scenes import write_scenes
from segexp.compare.answer_tables import answer_tables
from segexp.compare.described_arms import draw_scenes
from segexp.compare.page.ab_page import ab_page
from segexp.compare.page.sentences import answer_sentences
from segexp.compare.plan import AbPlan, ab_definition
from segexp.compare.result import heldout_images
from segexp.compare.run_names import answered_name
from segexp.compare.run_protocols import run_protocols
from segexp.compare.runs import FinalRuns
from segexp.compare.shown_images import arms_galleries
from segexp.compare.version import LOOK_FILE, answer_directory, write_files, write_json
from segexp.core.errors import InputError, WorkError
from segexp.core.signals import signals_held_back
from segexp.data.cache import Dataset
from segexp.data.open import describe_data
from segexp.evaluation.sizes import at_own_size
from segexp.report.trials import value_text
from segexp.study.abandoned import forget_supervisors, supervised
from segexp.study.attributes import ANSWER, DEFINITION, PART_RUNS, RUN_ID, RUN_KEY
from segexp.study.changes import change_faults, definition_changes
from segexp.study.data_record import log_data
from segexp.study.display import StudyDisplay
from segexp.study.open import Place
from segexp.study.recorded_place import open_recorded, remember_place
from segexp.study.run import ended_by
from segexp.study.storage.access import replace_attribute
from segexp.study.storage.study_lock import study_lock
from segexp.study.study_runs import (
    FOR_STUDY_RUN,
    find_run,
    gather_records,
    new_run_instead,
    note_part,
    note_run,
)
from segexp.tracking import metric_name


@contextmanager
def open_records(
    plan: AbPlan, dataset: Dataset, storage: BaseStorage, say: Callable[[str], None]
) -> Iterator[tuple[optuna.Study, tracking.Run, list[Place]]]:
    """Open the runs of the A/B study and of its arms, and end them with the block."""
    study, record, arms = _open(plan, dataset, storage, say)

    def end(status: tracking.Status) -> None:
        gather_records(study, record)
        for run_id in (*study.user_attrs[PART_RUNS].values(), study.user_attrs[RUN_ID]):
            tracking.end_run(replace(record, id=run_id), status)

    forget_supervisors(study)
    with supervised(study), ended_by(end):
        yield study, record, arms


def _open(
    plan: AbPlan, dataset: Dataset, storage: BaseStorage, say: Callable[[str], None]
) -> tuple[optuna.Study, tracking.Run, list[Place]]:
    """Open or make an A/B study: an Optuna study without trials that stores the ids of its runs."""
    now = ab_definition(plan, dataset)
    # An interruption between starting a run and storing its id would leave the run open forever.
    with signals_held_back(), study_lock(storage, plan.project, plan.name):
        wanted = plan.config.tracking
        experiment = open_recorded(plan.project, wanted, storage, plan.name, say)
        study = optuna.create_study(
            storage=storage, study_name=plan.name, direction="maximize", load_if_exists=True
        )
        # Before the runs: a kill may leave a run whose id is not stored.
        key = study.user_attrs.get(RUN_KEY) or replace_attribute(
            study, RUN_KEY, None, secrets.token_hex(8)
        )
        noted = study.user_attrs.get(RUN_ID)
        record = find_run(experiment, noted, key)
        tags = {
            "segexp.study": plan.name,
            "segexp.dataset": dataset.name,
            "segexp.dataset_hash": dataset.hash,
            "segexp.common_space": plan.common.name,
        }
        if record is None:
            params = {"mode": plan.design.mode, "arms": ", ".join(plan.names)}
            record = tracking.start_run(
                experiment,
                plan.name,
                {**tags, RUN_KEY: key, "segexp.kind": "ab"},
                params,
                patience=FOR_STUDY_RUN,
            )
        if noted != record.id:
            for space in {m.name: m for m in (*plan.mappings, plan.common)}.values():
                tracking.log_yaml(record, space.to_dict(), f"mappings/{space.name}.yaml")
            log_data(record, dataset)
            # Last: a run whose id is stored is complete.
            record = note_run(study, noted, record)
        if line := new_run_instead(noted, record, f"A/B study {plan.name!r}"):
            say(line)
        known: dict[str, str] = study.user_attrs.get(PART_RUNS, {})
        arms: list[Place] = []
        for arm, mapping in zip(plan.named, plan.mappings, strict=True):
            key_of_arm = f"{key}-{arm.name}"
            run = find_run(experiment, known.get(arm.name), key_of_arm)
            if run is None:
                of_arm = {
                    RUN_KEY: key_of_arm,
                    "segexp.kind": "arm",
                    "segexp.mapping": mapping.name,
                    "segexp.mapping_hash": mapping.hash,
                }
                run = tracking.start_run(
                    experiment, f"arm {arm.name}", tags | of_arm, arm.own, record, FOR_STUDY_RUN
                )
            if known.get(arm.name) != run.id:
                run = note_part(study, arm.name, run)
            if line := new_run_instead(known.get(arm.name), run, f"arm {arm.name}"):
                say(line)
            arms.append(Place(experiment, run))
        # Last: an A/B study that has it is complete. Of hosts that begin at once, one decides.
        begun = study.user_attrs.get(DEFINITION) or replace_attribute(study, DEFINITION, None, now)
        changes = definition_changes(begun, now)
        if faults := change_faults(plan.name, changes, dataset.root, revisable=False):
            raise InputError(faults)
        remember_place(study, experiment)
        if ANSWER not in study.user_attrs:
            asked = question(plan.design.mode, plan.names, describe_data(dataset))
            tracking.write_note(record, asked, of_experiment=experiment.name == plan.name)
    return study, record, arms


def write_look(plan: AbPlan, record: tracking.Run, result: dict[str, Any]) -> None:
    """Write what an early look found: `--plan` uses its spread to say what the rest will need."""
    write_json(answer_directory(plan.project, plan.name, record.id) / LOOK_FILE, result)


def note_answer(record: Place, result: Mapping[str, Any]) -> None:
    """Write the answer into the A/B study's run, and into its experiment if it has its name."""
    is_own = record.experiment.name == result["name"]
    tracking.write_note(record.run, ab_note(result), of_experiment=is_own)


def write_answer(
    plan: AbPlan,
    dataset: Dataset,
    result: dict[str, Any],
    runs: FinalRuns,
    record: tracking.Run,
    display: StudyDisplay,
) -> list[Path]:
    """Draw what an answer shows of the images, and record it with that.

    Returns:
        The files that were recorded, the result first.
    """
    result["protocols"] = run_protocols(
        runs,
        plan.mappings,
        plan.common,
        dataset,
        at_own=at_own_size(plan.config.data.scored_at, dataset),
    )
    scenes, galleries = [], {}
    try:
        scenes = draw_scenes(runs.arms, plan.common, heldout_images(runs, dataset.heldout, 0))
        galleries = arms_galleries(
            plan.name,
            runs.arms,
            plan.common,
            _named_runs(runs),
            lambda run: heldout_images(runs, dataset.heldout, run),
        )
    except WorkError as error:  # the answer does not need the images
        display.say(f"no images on the page: {error}")
    directory = answer_directory(plan.project, plan.name, record.id)
    written = write_files(directory, result, ab_page(result, scenes), galleries)
    written.append(write_scenes(directory, scenes))
    record_answer(record, result, written)
    return written


def record_answer(record: tracking.Run, result: dict[str, Any], written: Sequence[Path]) -> None:
    """Record an answer in the A/B study's run: its files, tables, differences and verdicts.

    Args:
        written: Its files, the result first.
    """
    for path in written:
        tracking.log_file(record, path)
    for name, columns in answer_tables(result).items():
        tracking.log_table(record, columns, name)
    metrics: dict[str, float] = {}
    tags: dict[str, str] = {}
    for pair in result["pairs"]:
        name = metric_name(f"{pair['b']}-{pair['a']}")
        low, high = pair["interval"]
        metrics |= {f"delta/{name}": pair["delta"], f"low/{name}": low, f"high/{name}": high}
        tags |= {
            f"segexp.verdict.{name}": pair["verdict"],
            f"segexp.answer.{name}": " ".join(answer_sentences(pair)),
        }
        if pair["detectable"] is not None:
            metrics[f"detectable/{name}"] = pair["detectable"]
    design = result["design"]
    tags |= {
        "segexp.margin": f"{result['margin']:g}",
        "segexp.seeds": str(design["seeds"]),
        "segexp.configurations": str(design["configs"]),
        "segexp.looks": str(design["looks"]),
        "segexp.images": str(result["images"]),
        **({"segexp.trials": str(design["trials"])} if design["trials"] else {}),
    }
    tracking.log_metrics(record, metrics)
    tracking.set_tags(record, tags)
    tracking.rename_run(record, answered_name(result["name"], result))


def _named_runs(runs: FinalRuns) -> dict[int, str]:
    """Return the first run of each configuration, and what it trained."""
    groups = runs.groups.tolist()
    firsts = sorted(groups.index(group) for group in set(groups))
    return {
        run: ", ".join(f"{name} {value_text(value)}" for name, value in runs.listed[run].items())
        for run in firsts
    }
