"""An A/B study that has answered, asked again where its mappings or its data are not.

Another margin, or another grouping of the images, changes what is said of the trained runs and not
the runs. Their confusion matrices and mappings are those of this project, or are read from MLflow's
artifacts, by digest; the pictures are those of the answer before.
"""

import json
from collections.abc import Callable, Sequence
from collections.abc import Mapping as Dict
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from segexp import tracking
from segexp.compare.answer_files import fetch_answer, note_answer_files
from segexp.compare.answer_folder import write_answer_folder_if_possible
from segexp.compare.answer_scenes import read_scenes, write_scenes
from segexp.compare.answered import Wanted
from segexp.compare.described_arms import described_interval, described_space
from segexp.compare.design import Question
from segexp.compare.looks import is_settled, other_margin, refuse_numbers
from segexp.compare.page.ab_page import ab_page
from segexp.compare.records import note_answer, record_answer
from segexp.compare.result import RESAMPLES
from segexp.compare.runs import arm_runs, groups_of, heldout_of
from segexp.compare.statistics.arms import common_scores, compare_arms
from segexp.compare.statistics.groups import class_groups
from segexp.compare.version import RESULT_FILE, VERSION, answer_directory, write_files
from segexp.core.config import Config
from segexp.core.errors import InputError, WorkError
from segexp.evaluation.confusions import Confusions
from segexp.evaluation.statistics.clusters import make_clusters
from segexp.labels.mapping import common_space
from segexp.report.trial_gallery import TRIALS_FILE
from segexp.study.attributes import ANSWER, ANSWER_FILES, DEFINITION, RUN_ID
from segexp.study.best import complete_trials
from segexp.study.family import named_parts
from segexp.study.open import Place
from segexp.study.recorded_mapping import mapping_of_trial
from segexp.study.recorded_place import open_recorded
from segexp.study.run import say_what_waits
from segexp.study.storage.open import open_storage


def ask_again(
    project: Path, config: Config, name: str, wanted: Wanted, say: Callable[[str], None]
) -> tuple[dict[str, Any], Path]:
    """Answer an A/B study again from what it has left: train nothing, and record the answer.

    Args:
        config: Its ``storage`` and ``tracking`` are used.
        name: The study's, which has answered: see `segexp.compare.answered.find_answered`.
        wanted: Its numbers, which must be those of the study, and what is asked.

    Returns:
        The content of ``ab_result.json``, and the directory of that file and ``ab.html``.

    Raises:
        InputError: When numbers or settings are others, or images cannot be clustered as asked.
        WorkError: When a file is neither here nor in MLflow, or is not what was left, or an earlier
            segexp gave the answer.
    """
    storage = open_storage(config.storage, project, config.storage_patience)
    study = optuna.load_study(study_name=name, storage=storage)
    say(f"A/B study {name}: its mappings or its data are not here, its records are")
    refuse_numbers(name, study.user_attrs[ANSWER], wanted.numbers)
    _refuse_settings(storage, study, wanted.settings)
    experiment = open_recorded(project, config.tracking, storage, name, say)
    record = tracking.existing_run(experiment, study.user_attrs.get(RUN_ID))
    if record is None:
        raise WorkError(
            f"the MLflow run {study.user_attrs.get(RUN_ID)} of A/B study {name!r} is gone or was "
            "deleted: ask again where its data is, which makes another"
        )
    fetch_answer(project, experiment.uri, study, say)
    directory = answer_directory(project, name, str(study.user_attrs[RUN_ID]))
    before = _read_answer(directory / RESULT_FILE, name)
    trials = _trained(storage, study, before)
    result = _judged(project, experiment.uri, trials, before, wanted.question, say)
    changed, then = (other_margin(study, of["margin"]) for of in (result, before))
    kept = (caveat for caveat in before["caveats"] if caveat != then)
    result["caveats"] = [*filter(None, [changed]), *kept]
    result["options"] = [list(option) for option in wanted.options]
    scenes = read_scenes(directory)
    written = write_files(directory, result, ab_page(result, scenes), {})
    written.append(write_scenes(directory, scenes))
    record_answer(record, result, written)
    note_answer(Place(experiment, record), result)
    say_what_waits(experiment, say)  # before others are told what to read
    files = dict.fromkeys([*(path.name for path in written), *study.user_attrs[ANSWER_FILES]])
    note_answer_files(study, [directory / file for file in files])
    drawn = (directory / TRIALS_FILE).read_text(encoding="utf-8")
    write_answer_folder_if_possible(project, study, drawn, say)
    if not is_settled(result) and result["look"]["number"] < result["design"]["looks"]:
        say(
            f"look {result['look']['number']} of {result['design']['looks']} does not settle it by "
            "this margin: the rest is trained where the data is"
        )
    return result, directory


def _refuse_settings(storage: BaseStorage, study: optuna.Study, settings: Dict[str, str]) -> None:
    """Refuse settings that no arm was begun with."""
    parts = [part.user_attrs.get(DEFINITION, {}) for _, part in named_parts(storage, study)]
    faults = []
    for key, now in settings.items():
        begun = dict.fromkeys(str(part.get(key, "searched")) for part in parts)
        if now not in begun:
            faults.append(
                f"study {study.study_name!r} was begun with {key} = {', '.join(begun)}, now it is "
                f"{now}"
            )
    if faults:
        raise InputError([*faults, "leave out what differs, or train another where its data is"])


def _read_answer(path: Path, name: str) -> dict[str, Any]:
    found = path.read_text(encoding="utf-8") if path.is_file() else "{}"
    result: dict[str, Any] = json.loads(found)
    if result.get("version") != VERSION or "heldout_format" not in result:
        raise WorkError(
            f"A/B study {name!r} was answered by an earlier segexp, which did not record all that "
            "asking again elsewhere needs: repeat the command once where its data is"
        )
    return result


def _trained(
    storage: BaseStorage, study: optuna.Study, before: Dict[str, Any]
) -> list[list[FrozenTrial]]:
    """Return the final trainings that an answer compared, by arm."""
    trials = {
        trial.user_attrs.get(RUN_ID): trial
        for _, part in named_parts(storage, study)
        for trial in complete_trials(part)
    }
    missing = [i for arm in before["arms"] for i in arm["run_ids"] if i not in trials]
    if missing:
        raise WorkError(
            f"A/B study {study.study_name!r} has no trial of MLflow run {missing[0]} any more: ask "
            "again where its data is"
        )
    return [[trials[run_id] for run_id in arm["run_ids"]] for arm in before["arms"]]


def _judged(
    project: Path,
    uri: str | None,
    of_arms: Sequence[Sequence[FrozenTrial]],
    before: dict[str, Any],
    question: Question,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Compare the runs of an answer again, and return the answer with what that changes."""
    mappings = [mapping_of_trial(project, uri, of_arm[0]) for of_arm in of_arms]
    common = common_space(mappings)
    if described_space(common)["classes"] != before["common_space"]["classes"]:
        raise WorkError(
            f"the mappings of the trained models do not have the common space of A/B study "
            f"{before['name']!r}: ask again where its data is"
        )
    kept: list[list[Confusions]] = [
        [heldout_of(project, uri, trial, say) for trial in of_arm] for of_arm in of_arms
    ]
    arms = [arm_runs(arm["name"], of_arm) for arm, of_arm in zip(before["arms"], kept, strict=True)]
    ids = kept[0][0].image_ids
    clusters = make_clusters(question.cluster, ids, before["heldout_format"])
    groups, unit = groups_of(before["runs"])
    pairs = compare_arms(
        arms,
        common.names,
        groups,
        clusters,
        question.margin,
        unit=unit,
        class_groups=class_groups(mappings, common),
        about=before["pairs"][0]["about"],
        looks=before["look"]["fractions"],
        resamples=RESAMPLES,
    )
    scores = common_scores(arms, groups, clusters, resamples=RESAMPLES)
    return {
        **before,
        "clusters": {"kind": clusters.kind, "count": len(clusters.names)},
        "margin": question.margin,
        "resamples": RESAMPLES,
        "arms": [
            {**arm, "interval_common": described_interval(score)}
            for arm, score in zip(before["arms"], scores, strict=True)
        ],
        "pairs": [
            {**old, **pair.to_dict()} for old, pair in zip(before["pairs"], pairs, strict=True)
        ],
    }
