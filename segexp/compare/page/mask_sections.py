"""The sections of an A/B page whose arms are folders of masks: the arms, and the method."""

from collections.abc import Sequence

from segexp.compare.page.arm_sections import CLUSTERS, METHOD, native_table, verdicts_table
from segexp.compare.page.figures import JsonObject, runs_figure
from segexp.compare.page.numbers import plain
from segexp.report.page import Part, Section, paragraph, subheading, table


def masks_section(result: JsonObject, folders: Sequence[JsonObject]) -> Section:
    """Where the masks of each arm lie, whose classes they hold, and what each run scores.

    Args:
        result: The content of ``ab_result.json``, its arms called as the pairs call them.
        folders: Its arms as they are in the file.
    """
    arms = result["arms"]
    lines = [
        [
            arm["mapping"],
            found["folder"],
            f"{found['mapping']} ({found['classes']})",
            ", ".join(filter(None, found["folders"])) or "-",
        ]
        for arm, found in zip(arms, folders, strict=True)
    ]
    parts: list[Part] = [
        paragraph(f"Truth: {result['truth']}; {_sizes(result)}."),
        table(["arm", "folder", "classes of", "runs"], lines, prose=(1, 3)),
    ]
    names = [run["run"] for run in result["runs"]]
    if names:
        parts += [
            subheading("Every run, common classes; lines join the runs that are paired"),
            runs_figure(arms, names),
        ]
    parts += [
        subheading("mIoU of each run"),
        _runs_table(arms, names or ["the only run"]),
        subheading("IoU of each arm's own classes, mean over its runs"),
        native_table(arms),
    ]
    return Section("The arms", parts)


def masks_method_section(result: JsonObject) -> Section:
    """How the numbers came about, in short."""
    clusters = CLUSTERS[result["clusters"]["kind"]]
    if result["pairs"][0]["runs"] == 1:
        drawn = (
            f"{clusters} are drawn with replacement, the same for all arms. There is one run of "
            "each arm: what another training of the same model would have given is not in the "
            "interval."
        )
    else:
        drawn = (
            f"{clusters} are drawn with replacement, the same for all arms, and so are the runs. "
            "The two are kept apart, and each is given the wide tails of Student's t for its "
            "number."
        )
    return Section(
        "How this was computed",
        [
            paragraph(
                "Nothing was trained: the masks were there. Each was read as class indices or "
                "colours of its mapping, at the size of its truth; where it names no class it is "
                "wrong wherever the truth is not void."
            ),
            paragraph(
                f"All scores are from {result['images']:,} images, one confusion matrix for each "
                "image and run. A run's mIoU is that of the matrices' sum; a difference is taken "
                "between runs that are paired, and its mean reported."
            ),
            paragraph(
                f"The intervals are from {result['resamples']:,} resamples, a paired bootstrap: "
                f"{drawn}"
            ),
            verdicts_table(result["pairs"][0]["margin"]),
            paragraph(METHOD),
        ],
    )


def _sizes(result: JsonObject) -> str:
    sizes = result["image_sizes"]
    height, width, _ = sizes[0]
    if len(sizes) == 1:
        return f"{result['images']:,} images of {height}x{width} pixels"
    return f"{result['images']:,} images of {len(sizes)} sizes"


def _runs_table(arms: Sequence[JsonObject], names: Sequence[str]) -> Part:
    scores = ("native", "common")
    lines = [
        [name, *(plain(arm[score]["runs"][run]) for arm in arms for score in scores)]
        for run, name in enumerate(names)
    ]
    lines.append(["mean", *(plain(arm[score]["mean"]) for arm in arms for score in scores)])
    return table(
        ["run", *(["its own", "common"] * len(arms))],
        lines,
        groups=[("", 1), *((arm["mapping"], len(scores)) for arm in arms)],
        numeric=range(1, 1 + len(scores) * len(arms)),
        strong=(len(names),),
    )
