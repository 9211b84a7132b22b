"""The options of ``segexp ab``, and which of them go together."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from segexp.cli.completion import mapping_names, study_files
from segexp.compare.design import check_numbers
from segexp.core.errors import InputError, collected

Mappings = Annotated[
    list[str] | None,
    typer.Argument(
        help="The arms: two or more mappings in mappings/, or A+B: see --arm.",
        autocompletion=mapping_names,
    ),
]
Arms = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ARM",
        help="An arm beside MAPPINGS, once for each: a mapping; A+B, the classes of A with a "
        "loss in both; or a configuration with a name, whatever else is searched, such as "
        "'slow: {mapping: A, learning_rate: 1e-4}'.",
    ),
]
Trials = Annotated[
    int | None,
    typer.Option(min=1, help="Finished trials of each arm's search; 20."),
]
Candidates = Annotated[
    int | None,
    typer.Option(
        help="Configurations that every arm trains, from the searches' best; 6, at most 0.3 of "
        "--trials."
    ),
]
Seeds = Annotated[
    int | None,
    typer.Option(help="Trainings of each of these configurations in each arm; 1."),
]
Looks = Annotated[
    int,
    typer.Option(
        help="How often the arms are compared while these are trained; once a look settles it, "
        "the rest is not trained."
    ),
]
Matched = Annotated[
    bool,
    typer.Option(
        "--matched",
        help="Do not search: compare on typical configurations, drawn from the search space.",
    ),
]
Configs = Annotated[
    int | None,
    typer.Option(help="Matched arms: how many random configurations; 24."),
]
Margin = Annotated[float, typer.Option(help="A difference of mIoU that would not matter to you.")]
Cluster = Annotated[
    str,
    typer.Option(
        help="How held-out images are resampled: auto, none (one by one), or by the sequence "
        "(of a video) or city in their names."
    ),
]
PlanOnly = Annotated[
    bool,
    typer.Option(
        "--plan",
        help="Train nothing: say what such a study can find, and what the margin needs, from "
        "an earlier study or from its own first look.",
    ),
]
Pilot = Annotated[
    str | None,
    typer.Option(
        metavar="STUDY",
        help="With --plan: the earlier A/B study, by name, or its ab_result.json; by default "
        "this study.",
    ),
]
Require = Annotated[
    str | None,
    typer.Option(
        metavar="REQUIREMENT",
        help="End with exit code 1 unless every other arm is, compared with the first, what is "
        "named here: not-worse, equivalent or better.",
    ),
]
SearchedStudy = Annotated[
    str | None,
    typer.Option(
        help="The study in studies/ whose search space is used; `default`.",
        autocompletion=study_files,
    ),
]
StudyName = Annotated[
    str | None,
    typer.Option(help="The A/B study's name; by default `ab-` and the arms."),
]
Predictions = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=DIR",
        help="An arm that is a folder of predicted masks from any tool (class indices or "
        "colours, PNG or npy; several runs as subfolders); given twice or more, instead of "
        "MAPPINGS. Nothing is trained.",
    ),
]
MappingOf = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=MAPPING",
        help="The mapping of an arm's masks: one in mappings/, or a file. By default the "
        "mapping with the arm's name; without --truth else that of config.yaml.",
    ),
]
Truth = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="With --predictions: the ground truth masks, in the taxonomy's ids or colours; by "
        "default the held-out images of the data.",
    ),
]
MasksOut = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="With --predictions: where ab.html and ab_result.json go; by default "
        ".segexp/masks/NAME of the project, or NAME in the current directory without one.",
    ),
]

HANDED_ON = (
    "--study",
    "--data",
    "--format",
    "--seeds",
    "--looks",
    "--margin",
    "--cluster",
    "--engine",
    "--workers",
    "--listen",
    "--address",
    "--per-gpu",
    "--storage",
    "--storage-file",
    "--storage-patience",
    "--project",
)
"""What a command that goes on from an answer has from the one that gave it, beside ``--set``."""

_OF_TRAINING = frozenset(
    {
        "MAPPINGS",
        "--arm",
        "--trials",
        "--candidates",
        "--looks",
        "--plan",
        "--seeds",
        "--matched",
        "--configs",
        "--study",
        "--storage",
        "--storage-file",
        "--storage-patience",
        "--pilot",
        "--engine",
        "--workers",
        "--mixed",
        "--listen",
        "--address",
        "--per-gpu",
    }
)

_OF_MASKS = frozenset({"--predictions", "--mapping-of", "--truth", "--out"})


def is_of_masks(given: Mapping[str, Any]) -> bool:
    """Whether folders of masks are to be compared, by the options that were given."""
    return bool(_OF_MASKS & given.keys())


def refuse_training_options(given: Mapping[str, Any], margin: float) -> None:
    """Refuse options that say how to train, where folders of masks are compared.

    Raises:
        InputError: With each of them, and a margin that is none.
    """
    faults = [
        f"{option}: --predictions compares existing masks and trains nothing; leave it out"
        for option in given
        if option in _OF_TRAINING
    ]
    with collected(faults):
        check_numbers(margin=margin)
    if faults:
        raise InputError(faults)


def refuse_answer_options(given: Mapping[str, Any]) -> None:
    """Refuse options that ask something of an answer where ``--plan`` gives none, and the reverse.

    Raises:
        InputError: With each of them.
    """
    if "--plan" not in given:
        if "--pilot" in given:
            raise InputError("--pilot: is for --plan; give both")
        return
    faults = [
        f"{option}: --plan compares nothing yet"
        for option in ("--require", "--cluster")
        if option in given
    ]
    if faults:
        raise InputError(faults)
