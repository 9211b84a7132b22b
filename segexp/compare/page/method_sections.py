"""The sections on how the numbers came about, in short."""

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
    """How the numbers came about, in short."""
    said = _of_masks(view.result) if view.is_masks else _of_trainings(view.result)
    verdicts = _verdicts_table(view.pairs[0]["margin"])
    parts = [*map(paragraph, said), verdicts, paragraph(METHOD)]
    yield Section("How this was computed", parts)


def _of_trainings(result: JsonObject) -> list[str]:
    if result["mode"] == "tuned":
        trained = (
            "Each arm was tuned by a study of its own, all with the same budget; the best "
            "configuration of each was then trained again with the seeds "
            f"{listed(result['seeds'])}."
        )
        paired = "seed"
    elif result["mode"] == "shared":
        trained = (
            f"Each arm was tuned by a study of its own, with {result['design']['trials']} trials. "
            f"The arms named their best in turn until {len(result['candidates'])} different "
            "configurations stood, and each of these was trained in every arm with seeds that no "
            "search had used. The answer is about such configurations, not about one of them."
        )
        paired = "configuration and seed"
    else:
        trained = f"Every arm trained the same configurations ({matched_text(result)})."
        paired = "configuration and seed"
    source = (
        "the test split, which tuning never saw"
        if result["heldout_from"] == "test"
        else "the half of the val split that tuning never saw"
    )
    return [
        trained,
        f"All scores are from {result['images']:,} images of {source}. Every run left a confusion "
        "matrix of each image. A run's mIoU is that of the matrices' sum; a difference is taken "
        f"between runs of the same {paired}, and its mean reported.",
        f"The intervals are from {result['resamples']:,} resamples, a paired bootstrap: "
        f"{CLUSTERS[result['clusters']['kind']]} are drawn with replacement, the same for both "
        "arms, and so are the configurations with their seeds, because others would have given "
        "other models. The two are kept apart, and each is given the wide tails of Student's t "
        "for its number: a few runs tell little of how much runs differ.",
    ]


def _of_masks(result: JsonObject) -> list[str]:
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
    return [
        "Nothing was trained: the masks were there. Each was read as class indices or colours of "
        "its mapping, at the size of its truth; where it names no class it is wrong wherever the "
        "truth is not void.",
        f"All scores are from {result['images']:,} images, one confusion matrix for each image and "
        "run. A run's mIoU is that of the matrices' sum; a difference is taken between runs that "
        "are paired, and its mean reported.",
        f"The intervals are from {result['resamples']:,} resamples, a paired bootstrap: {drawn}",
    ]


def _verdicts_table(margin: float) -> Markup:
    """When an interval is called what."""
    lines = [
        ["equivalent", f"the interval lies between -{margin:g} and +{margin:g}"],
        ["better", "else, if the interval lies above zero"],
        ["worse", "else, if it lies below zero"],
        ["not enough evidence", "else: the interval holds zero, and more than the margin"],
    ]
    return table(["verdict", "when"], lines)
