"""``segexp ab``."""

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from segexp.cli.ab_answer import show_answer
from segexp.cli.ab_study import Asked, show_plan, train_and_compare
from segexp.cli.completion import mapping_names, study_files
from segexp.cli.console import print_json, results_beside, say
from segexp.cli.options import (
    Data,
    Debug,
    EngineName,
    Format,
    Json,
    Project,
    Set,
    Storage,
    StorageFile,
    Workers,
    check_choice,
    engine_of,
    found_again,
    given_options,
    open_project,
    set_overrides,
    with_storage,
)
from segexp.compare.design import check_numbers
from segexp.compare.page.numbers import with_arm_names
from segexp.compare.statistics.gate import REQUIREMENTS, unmet_requirement
from segexp.compare.version import PAGE_FILE, RESULT_FILE
from segexp.core.errors import InputError, WorkError, collected
from segexp.core.overrides import data_overrides

MARGIN = 0.01


def ab(
    mappings: Annotated[
        list[str] | None,
        typer.Argument(
            help="The arms: two or more mappings in mappings/, or A+B: see --arm.",
            autocompletion=mapping_names,
        ),
    ] = None,
    arm: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ARM",
            help="An arm beside MAPPINGS, once for each: a mapping; A+B, the classes of A with a "
            "loss in both; or a configuration with a name, whatever else is searched, such as "
            "'slow: {mapping: A, learning_rate: 1e-4}'.",
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(min=1, help="Finished trials of each arm's search; 20."),
    ] = None,
    candidates: Annotated[
        int | None,
        typer.Option(
            help="Configurations that every arm trains, from the searches' best; 6, at most 0.3 of "
            "--trials."
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(help="Trainings of each of these configurations in each arm; 1."),
    ] = None,
    looks: Annotated[
        int,
        typer.Option(
            help="How often the arms are compared while these are trained; once a look settles it, "
            "the rest is not trained."
        ),
    ] = 1,
    matched: Annotated[
        bool,
        typer.Option(
            "--matched",
            help="Do not search: compare on typical configurations, drawn from the search space.",
        ),
    ] = False,
    configs: Annotated[
        int | None,
        typer.Option(help="Matched arms: how many random configurations; 24."),
    ] = None,
    margin: Annotated[
        float, typer.Option(help="A difference of mIoU that would not matter to you.")
    ] = MARGIN,
    cluster: Annotated[
        str,
        typer.Option(
            help="How held-out images are resampled: auto, none (one by one), or by the sequence "
            "(of a video) or city in their names."
        ),
    ] = "auto",
    plan_only: Annotated[
        bool,
        typer.Option(
            "--plan",
            help="Train nothing: say what such a study can find, and what the margin needs, from "
            "an earlier study or from its own first look.",
        ),
    ] = False,
    pilot: Annotated[
        str | None,
        typer.Option(
            metavar="STUDY",
            help="With --plan: the earlier A/B study, by name, or its ab_result.json; by default "
            "this study.",
        ),
    ] = None,
    require: Annotated[
        str | None,
        typer.Option(
            metavar="REQUIREMENT",
            help="End with exit code 1 unless every other arm is, compared with the first, what is "
            "named here: not-worse, equivalent or better.",
        ),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(
            help="The study in studies/ whose search space is used; `default`.",
            autocompletion=study_files,
        ),
    ] = None,
    data: Data = None,
    format_name: Format = None,
    study_name: Annotated[
        str | None,
        typer.Option(help="The A/B study's name; by default `ab-` and the arms."),
    ] = None,
    predictions: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=DIR",
            help="An arm that is a folder of predicted masks from any tool (class indices or "
            "colours, PNG or npy; several runs as subfolders); given twice or more, instead of "
            "MAPPINGS. Nothing is trained.",
        ),
    ] = None,
    mapping_of: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=MAPPING",
            help="The mapping of an arm's masks: one in mappings/, or a file. By default the "
            "mapping with the arm's name; without --truth else that of config.yaml.",
        ),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="With --predictions: the ground truth masks, in the taxonomy's ids or colours; by "
            "default the held-out images of the data.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="With --predictions: where ab.html and ab_result.json go; by default "
            ".segexp/masks/NAME of the project, or NAME in the current directory without one.",
        ),
    ] = None,
    json_: Json = False,
    engine_name: EngineName = None,
    workers: Workers = "auto",
    storage: Storage = None,
    storage_file: StorageFile = None,
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
    if predictions or mapping_of or truth is not None or out is not None:
        trained = {
            "MAPPINGS": mappings,
            "--arm": arm,
            "--trials": trials,
            "--candidates": candidates,
            "--looks": looks if looks != 1 else None,
            "--plan": plan_only or None,
            "--seeds": seeds,
            "--matched": matched or None,
            "--configs": configs,
            "--study": study,
            "--storage": storage,
            "--storage-file": storage_file,
            "--pilot": pilot,
            "--engine": engine_name,
            "--workers": workers if workers != "auto" else None,
        }
        _refuse_training_options(trained, margin)
        from segexp.cli.ab_masks import MaskOptions, compare_folders

        options = MaskOptions(predictions or (), mapping_of or (), truth, out)
        compared = compare_folders(
            options,
            name=study_name,
            margin=margin,
            cluster=cluster,
            data=data,
            format_name=format_name,
            set_=set_,
            project=project,
        )
        _give(*compared, json_=json_, require=require)
        return
    texts = _two_or_more([*(mappings or ()), *(arm or ())])
    root, engine = open_project(project), engine_of(engine_name, workers)
    overrides = {**data_overrides(data, format_name, None), **set_overrides(set_)}
    overrides = with_storage(overrides, storage, storage_file)
    check_numbers(
        matched=matched, trials=trials, candidates=candidates, configs=configs, margin=margin
    )
    _refuse_answer_options(plan_only, pilot, require, cluster)
    from segexp.compare.arms import ab_name, parse_arms
    from segexp.compare.design import TRIALS, make_design

    arms = parse_arms(texts)
    names = [of.name for of in arms]
    name = ab_name(study, names, data, matched) if study_name is None else study_name

    if not matched:
        overrides.setdefault("trials", TRIALS if trials is None else trials)
    number = _whole("trials", overrides.get("trials", TRIALS))
    configs = configs if matched else candidates
    design = make_design(matched=matched, trials=number, configs=configs, seeds=seeds, looks=looks)
    given = {
        "--study": study,
        "--data": data,
        "--format": format_name,
        "--seeds": seeds,
        "--looks": looks if looks != 1 else None,
        "--margin": margin if margin != MARGIN else None,
        "--cluster": cluster if cluster != "auto" else None,
        "--engine": engine_name,
        "--workers": workers if workers != "auto" else None,
        "--storage": storage,
        "--storage-file": storage_file,
        "--project": project,
    }
    asked = Asked(root, study, overrides, arms, name, margin, cluster, given_options(given, set_))
    if plan_only:
        words = ["segexp", "ab", *(mappings or ()), *(w for of in arm or () for w in ("--arm", of))]
        words += [word for option in asked.options for word in option]
        words += ["--matched"] if matched else []
        show_plan(asked, pilot, design, number, shlex.join(words), json_)
        return
    result, directory, report = train_and_compare(asked, design, seeds, *engine)
    again = found_again(name, project, storage, storage_file)
    _give(
        result, directory, f"{report}\n            segexp ui {again}", json_=json_, require=require
    )


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


def _give(
    result: dict[str, Any],
    directory: Path,
    look_next: str | None = None,
    *,
    json_: bool,
    require: str | None,
) -> None:
    """Print an answer, say where its page is, and check --require."""
    if json_:
        print_json(result)
    screen = results_beside(json_)
    show_answer(result, screen)
    say(f"page: {directory / PAGE_FILE} ({RESULT_FILE} beside it)", screen)
    if look_next:
        say(f"look next:  {look_next}")
    _refuse_unmet(result, require)


def _refuse_unmet(result: dict[str, Any], requirement: str | None) -> None:
    """End with exit code 1 if the answer, already printed and written, is not as required."""
    if requirement is None:
        return
    arms = [arm["mapping"] for arm in with_arm_names(result)["arms"]]
    if unmet := unmet_requirement(arms, result["pairs"], requirement):
        raise WorkError(unmet)
    say(f"required is {requirement}: met")


def _refuse_training_options(trained: dict[str, Any], margin: float) -> None:
    faults = [
        f"{option}: --predictions compares existing masks and trains nothing; leave it out"
        for option, value in trained.items()
        if value is not None and value != []
    ]
    with collected(faults):
        check_numbers(margin=margin)
    if faults:
        raise InputError(faults)


def _refuse_answer_options(
    plan_only: bool, pilot: str | None, require: str | None, cluster: str
) -> None:
    if not plan_only:
        if pilot is not None:
            raise InputError("--pilot: is for --plan; give both")
        return
    given = {"--require": require is not None, "--cluster": cluster != "auto"}
    faults = [
        f"{name}: --plan compares nothing yet" for name, is_given in given.items() if is_given
    ]
    if faults:
        raise InputError(faults)
