"""The section on how the numbers were computed."""

from collections.abc import Iterator

from markupsafe import Markup

from segexp.compare.page.figures import JsonObject
from segexp.compare.page.view import CLUSTERS, AbView, listed, matched_text
from segexp.report.page import Section, paragraph, table

METHOD = (
    "The formulas, the references and the simulations that test the method are in "
    "docs/method.md of segexp."
)


def method_section(view: AbView) -> Iterator[Section]:
    """How the numbers were computed, in short."""
    said = _of_masks(view.result) if view.is_masks else _of_trainings(view.result)
    verdicts = _verdicts_table(view.pairs[0]["margin"])
    parts = [*map(paragraph, said), verdicts, paragraph(METHOD)]
    yield Section("How this was computed", parts)


def _of_trainings(result: JsonObject) -> list[str]:
    if result["mode"] == "tuned":
        trained = (
            "Each arm was tuned in its own study, all with the same budget. The best configuration "
            f"of each was then trained again with the seeds {listed(result['seeds'])}."
        )
        paired = "seed"
    elif result["mode"] == "shared":
        trained = (
            f"Each arm was tuned in its own study, with {result['design']['trials']} trials. The "
            f"arms took turns to name their best until there were {len(result['candidates'])} "
            "different configurations. Each of these was trained in every arm, with seeds that no "
            "search had used. The answer is about such configurations, not about one of them."
        )
        paired = "configuration and seed"
    else:
        trained = f"Every arm trained the same configurations ({matched_text(result)})."
        paired = "configuration and seed"
    if other := result.get("heldout_of"):
        source = f"{other}, another data set, which tuning never saw"
    elif result["heldout_from"] == "test":
        source = "the test split, which tuning never saw"
    else:
        source = "the half of the val split that tuning never saw"
    return [
        trained,
        f"All scores are from {result['images']:,} images of {source}{_size(result)}. Each run has "
        "a confusion matrix for every image, and its mIoU comes from their sum. Differences are "
        f"taken between runs of the same {paired}, and their mean is reported.",
        f"The intervals come from a paired bootstrap with {result['resamples']:,} resamples: "
        f"{CLUSTERS[result['clusters']['kind']]} are drawn with replacement, the same for both "
        "arms, and so are the configurations with their seeds, because others would have given "
        "other models. These two sources of spread are kept apart, and each has the wide tails of "
        "Student's t for its number: a few runs say little about how much runs differ.",
    ]


def _size(result: JsonObject) -> str:
    return f", at {result['scored_at']}" if "scored_at" in result else ""


def _of_masks(result: JsonObject) -> list[str]:
    clusters = CLUSTERS[result["clusters"]["kind"]]
    if result["pairs"][0]["runs"] == 1:
        drawn = (
            f"{clusters} are drawn with replacement, the same for all arms. There is one run of "
            "each arm, so the interval does not include what another training would have given."
        )
    else:
        drawn = (
            f"{clusters} are drawn with replacement, the same for all arms, and so are the runs. "
            "These two sources of spread are kept apart, and each has the wide tails of Student's "
            "t for its number."
        )
    return [
        "Nothing was trained: the masks existed already. Each was read as class indices or colours "
        "of its mapping, at the size of its truth. Pixels without a class are wrong wherever the "
        "truth is not void.",
        f"All scores are from {result['images']:,} images, with one confusion matrix for each "
        "image and run. The mIoU of a run comes from their sum. Differences are taken between "
        "paired runs, and their mean is reported.",
        f"The intervals come from a paired bootstrap with {result['resamples']:,} resamples: "
        f"{drawn}",
    ]


def _verdicts_table(margin: float) -> Markup:
    lines = [
        ["equivalent", f"the interval lies between -{margin:g} and +{margin:g}"],
        ["better", "otherwise, if the interval lies above zero"],
        ["worse", "otherwise, if it lies below zero"],
        [
            "not enough evidence",
            "otherwise: the interval contains zero and exceeds the margin",
        ],
    ]
    return table(["verdict", "when"], lines)
