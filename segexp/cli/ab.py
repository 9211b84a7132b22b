"""``segexp ab``."""

import shlex

import typer

from segexp.cli.ab_answer import give_answer
from segexp.cli.ab_options import (
    HANDED_ON,
    Arms,
    Candidates,
    Cluster,
    Configs,
    Looks,
    MappingOf,
    Mappings,
    Margin,
    MasksOut,
    Matched,
    Pilot,
    PlanOnly,
    Predictions,
    Require,
    SearchedStudy,
    Seeds,
    StudyName,
    Trials,
    Truth,
    is_of_masks,
    refuse_answer_options,
    refuse_training_options,
)
from segexp.cli.ab_study import Asked, show_plan, train_and_compare
from segexp.cli.console import say
from segexp.cli.options import (
    Data,
    Debug,
    EngineName,
    Format,
    Json,
    Listen,
    Mixed,
    PerGpu,
    Project,
    RayAddress,
    Set,
    Storage,
    StorageFile,
    StoragePatience,
    Workers,
    check_choice,
    engine_of,
    found_again,
    given_in,
    given_options,
    open_project,
    set_overrides,
    with_storage,
)
from segexp.compare.design import check_numbers
from segexp.compare.statistics.gate import REQUIREMENTS
from segexp.core.errors import InputError
from segexp.core.files import name_fault
from segexp.core.overrides import data_overrides


def ab(
    context: typer.Context,
    mappings: Mappings = None,
    arm: Arms = None,
    trials: Trials = None,
    candidates: Candidates = None,
    seeds: Seeds = None,
    looks: Looks = 1,
    matched: Matched = False,
    configs: Configs = None,
    margin: Margin = 0.01,
    cluster: Cluster = "auto",
    plan_only: PlanOnly = False,
    pilot: Pilot = None,
    require: Require = None,
    study: SearchedStudy = None,
    data: Data = None,
    format_name: Format = None,
    study_name: StudyName = None,
    mixed: Mixed = False,
    predictions: Predictions = None,
    mapping_of: MappingOf = None,
    truth: Truth = None,
    out: MasksOut = None,
    json_: Json = False,
    engine_name: EngineName = None,
    workers: Workers = "auto",
    listen: Listen = None,
    address: RayAddress = None,
    per_gpu: PerGpu = None,
    storage: Storage = None,
    storage_file: StorageFile = None,
    storage_patience: StoragePatience = None,
    set_: Set = None,
    project: Project = None,
    debug: Debug = False,
) -> None:
    """Compare mappings, or configurations: did the model get better, or only the ruler?

    Each arm searches in its own study. The best configurations of all searches are then trained in
    every arm, and scored on images that tuning never saw, in the label space that all arms share.
    After an interruption the same command does what is left. Once the study has answered, only
    --margin, --cluster and --require may change.
    With --predictions, two or more folders of masks from any tool are compared instead.
    """
    if require is not None:
        check_choice("--require", require, REQUIREMENTS)
    if study_name is not None and (fault := name_fault("study name", study_name)):
        raise InputError(fault)
    given = given_in(context)
    if is_of_masks(given):
        refuse_training_options(given, margin)
        from segexp.cli.ab_masks import MaskOptions, compare_folders

        compared = compare_folders(
            MaskOptions(predictions or (), mapping_of or (), truth, out),
            name=study_name,
            margin=margin,
            cluster=cluster,
            data=data,
            format_name=format_name,
            set_=set_,
            project=project,
        )
        give_answer(*compared, json_=json_, require=require)
        return
    texts = _two_or_more([*(mappings or ()), *(arm or ())])
    root, engine = (
        open_project(project),
        engine_of(engine_name, workers, listen=listen, address=address, per_gpu=per_gpu),
    )
    overrides = {**data_overrides(data, format_name, None), **set_overrides(set_)}
    overrides = with_storage(overrides, storage, storage_file, storage_patience)
    check_numbers(
        matched=matched, trials=trials, candidates=candidates, configs=configs, margin=margin
    )
    refuse_answer_options(given)
    from segexp.compare.arms import ab_naming, parse_arms
    from segexp.compare.design import TRIALS, make_design

    arms = parse_arms(texts)
    names = [of.name for of in arms]
    naming = ab_naming(study, names, data, matched) if study_name is None else None

    if not matched:
        overrides.setdefault("trials", TRIALS if trials is None else trials)
    number = _whole("trials", overrides.get("trials", TRIALS))
    configs = configs if matched else candidates
    design = make_design(matched=matched, trials=number, configs=configs, seeds=seeds, looks=looks)
    handed_on = {option: given[option] for option in HANDED_ON if option in given}
    asked = Asked(
        root,
        study,
        overrides,
        arms,
        naming.name if naming else str(study_name),
        naming,
        margin,
        cluster,
        mixed,
        given_options(handed_on, set_),
    )
    if plan_only:
        words = ["segexp", "ab", *(mappings or ()), *(w for of in arm or () for w in ("--arm", of))]
        words += [word for option in asked.options for word in option]
        words += ["--matched"] if matched else []
        show_plan(asked, pilot, design, number, shlex.join(words), json_)
        return
    result, page = train_and_compare(asked, design, seeds, *engine)
    give_answer(result, page, json_=json_, require=require)
    say(f"look next:  segexp ui {found_again(result['name'], project, storage, storage_file)}")


def _two_or_more(arms: list[str]) -> list[str]:
    if not arms:
        raise InputError("MAPPINGS: name two or more mappings to compare, or give --predictions")
    if len(arms) == 1:
        raise InputError(f"MAPPINGS: {arms[0]} alone; name two or more mappings to compare")
    return arms


def _whole(key: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputError(f"{key}: {value!r}; expected a whole number of at least 1")
    return value
