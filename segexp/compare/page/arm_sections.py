"""The sections of an A/B study's page about what is compared: arms, common space, images, method.

The objects are those of ``ab_result.json``.
"""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from markupsafe import Markup

from segexp.compare.page.figures import JsonObject, pareto_figure, runs_figure
from segexp.compare.page.numbers import interval_text, plain, signed
from segexp.compare.page.pictures import ArmScene
from segexp.report.page import (
    Part,
    Section,
    image,
    note,
    paragraph,
    subheading,
    swatch,
    table,
)
from segexp.report.trials import value_text

CLUSTERS = {
    "none": "images",
    "sequence": "video sequences",
    "city": "cities",
    "block": "blocks of consecutive images",
}
"""What the images are resampled by, in words, by the kind of their clusters."""


def information_section(arms: Sequence[JsonObject], counted_in: str = "train split") -> Section:
    """What each mapping throws away of the labels, beside what its model scores."""
    lines = [
        [
            arm["mapping"],
            str(arm["classes"]),
            plain(arm["bits_kept"]),
            plain(arm["bits_lost"]),
            plain(arm["native"]["mean"]),
            plain(arm["common"]["mean"]),
            interval_text(arm["interval_common"], signs=False),
        ]
        for arm in arms
    ]
    header = ["arm", "classes", "bits kept", "bits lost", "native mIoU"]
    header += ["mIoU common", "95% interval"]
    return Section(
        "What a mapping costs in information",
        [
            paragraph(
                "Merged labels can no longer be told apart, and void ones are not learned at all. "
                f"How much a label says, on average over the pixels of the {counted_in}, is its "
                "entropy in bits per pixel: bits kept is what the classes of an arm still say of "
                "it, bits lost the rest. Rare labels weigh little here, however much they matter."
            ),
            table(header, lines, numeric=range(1, 7)),
            note(
                "The native mIoU is over other classes in each row: never compare it between rows."
            ),
            paragraph(
                "The best arms are on the upper right: a high score over the common classes, and "
                "much said beyond them."
            ),
            pareto_figure(arms),
        ],
    )


def arms_section(result: JsonObject) -> Section:
    """The arms' configurations, runs and native scores."""
    arms = result["arms"]
    parts: list[Part] = []
    if result.get("candidates"):
        parts += _candidates(result)
    elif any(arm["params"] for arm in arms):
        found = [arm["params"] or {} for arm in arms]
        parts.append(subheading("The best configuration that each arm found"))
        parts.append(_params_table([arm["mapping"] for arm in arms], found))
    else:
        parts.append(paragraph(f"Every arm trained the same configurations ({_matched(result)})."))
        configs = _configurations(result)
        if configs:
            numbers = [f"configuration {i}" for i in range(1, len(configs) + 1)]
            parts.append(_params_table(numbers, configs))
    names = _run_names(result)
    parts += [
        subheading(
            "Every run, common space; lines join the runs that are compared with each other"
        ),
        runs_figure(arms, names),
        paragraph("mIoU over its own classes (native), and over the common ones by both rules:"),
        _runs_table(arms, names),
    ]
    parts += [subheading("IoU of each arm's own classes, mean over its runs"), native_table(arms)]
    return Section("The arms", parts)


def _candidates(result: JsonObject) -> list[Part]:
    """The candidates, what each scored in every arm, and the winners of the searches."""
    candidates, names = result["candidates"], [arm["mapping"] for arm in result["arms"]]
    numbers = [f"configuration {i}" for i in range(1, len(candidates) + 1)]
    pair = result["pairs"][0] if len(result["pairs"]) == 1 else None
    lines = [
        [
            number,
            " and ".join(candidate["named_by"]),
            *(plain(candidate["common"][name]) for name in names),
            *([signed(pair["differences"][place])] if pair else []),
        ]
        for place, (number, candidate) in enumerate(zip(numbers, candidates, strict=True))
    ]
    header = ["candidate", "named by", *names, *(["difference"] if pair else [])]
    winners = [
        f"{arm['mapping']}: trial {found['trial']}, {plain(found['tuning'])} while tuning, "
        f"trained again {plain(found['heldout'])}"
        for arm in result["arms"]
        if (found := arm["winner"])
    ]
    return [
        subheading("What the searches put among their best, trained in every arm"),
        paragraph(
            "Another search would have found others: how much the difference varies between them "
            "is in the interval."
        ),
        table(header, lines, numeric=range(2, len(header))),
        *(
            paragraph(
                f"Mean difference, {p['b']} minus {p['a']}: {signed(p['by_origin'][p['a']])} on "
                f"the candidates of {p['a']}, {signed(p['by_origin'][p['b']])} on those of "
                f"{p['b']}."
            )
            for p in result["pairs"]
        ),
        *(
            [note(f"The winner of each search, without a verdict. {'; '.join(winners)}.")]
            if winners
            else []
        ),
        _params_table(numbers, [candidate["params"] for candidate in candidates]),
    ]


def common_space_section(result: JsonObject) -> Section:
    """The classes over which the arms are compared."""
    space, arms = result["common_space"], result["arms"]
    lines = [
        [
            swatch(c["color"], c["name"]),
            ", ".join(c["labels"]),
            *(plain(arm["iou_common"].get(c["name"])) for arm in arms),
        ]
        for c in space["classes"]
    ]
    header = ["class", "labels", *(arm["mapping"] for arm in arms)]
    return Section(
        "The common space",
        [
            paragraph(
                f"{space['name']}: the finest classes that every arm can answer in. Labels that "
                "one arm puts into a class together are together here; labels that one arm leaves "
                "out are not scored. On the right, the IoU of each arm."
            ),
            table(header, lines, numeric=range(2, len(header)), prose=(1,)),
        ],
    )


def images_section(result: JsonObject, scenes: Sequence[ArmScene]) -> Section:
    """The pictures, from the largest gain to the largest loss of the last arm."""
    names = [arm["mapping"] for arm in result["arms"]]
    first, last = names[0], names[-1]
    if not scenes:
        return Section("Images", [paragraph("No images were kept.")])
    parts: list[Part] = [
        paragraph(
            "Scores are the mIoU of the one image in the common space, over the classes in it, "
            "mean over the runs; the pictures show the first run."
        )
    ]
    if len(scenes) < result["images"]:
        extremes = note(
            f"These {len(scenes)} of {result['images']:,} images are the extremes, not a sample: "
            f"where {last} gains most on {first}, and where it gains least or loses. The verdict "
            "rests on all images together."
        )
        parts.insert(0, extremes)
    ordered = sorted(scenes, key=lambda scene: -scene.difference)
    groups = [
        (f"Where {last} scores higher than {first}", [s for s in ordered if s.difference > 0]),
        ("Where they score the same", [s for s in ordered if s.difference == 0]),
        (f"Where {last} scores lower than {first}", [s for s in ordered if s.difference < 0]),
    ]
    for title, members in groups:
        if members:
            parts.append(subheading(title))
            parts += [_scene_markup(scene, names) for scene in members]
    return Section("Images", parts)


def method_section(result: JsonObject) -> Section:
    """How the numbers came about, in short."""
    margin = result["pairs"][0]["margin"]
    if result["mode"] == "tuned":
        trained = (
            "Each arm was tuned by a study of its own, all with the same budget; the best "
            f"configuration of each was then trained again with the seeds {_list(result['seeds'])}."
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
        trained = f"Every arm trained the same configurations ({_matched(result)})."
        paired = "configuration and seed"
    source = (
        "the test split, which tuning never saw"
        if result["heldout_from"] == "test"
        else "the half of the val split that tuning never saw"
    )
    return Section(
        "How this was computed",
        [
            paragraph(trained),
            paragraph(
                f"All scores are from {result['images']:,} images of {source}. Every run left a "
                "confusion matrix of each image. A run's mIoU is that of the matrices' sum; a "
                f"difference is taken between runs of the same {paired}, and its mean reported."
            ),
            paragraph(
                f"The intervals are from {result['resamples']:,} resamples, a paired bootstrap: "
                f"{CLUSTERS[result['clusters']['kind']]} are drawn with replacement, the same for "
                "both arms, and so are the configurations with their seeds, because others would "
                "have given other models. The two are kept apart, and each is given the wide tails "
                "of Student's t for its number: a few runs tell little of how much runs differ."
            ),
            verdicts_table(margin),
            paragraph(METHOD),
        ],
    )


METHOD = (
    "The formulas, the references and the simulations that test the method are in "
    "docs/method.md of segexp."
)


def verdicts_table(margin: float) -> Markup:
    """When an interval is called what."""
    lines = [
        ["equivalent", f"the interval lies between -{margin:g} and +{margin:g}"],
        ["better", "else, if the interval lies above zero"],
        ["worse", "else, if it lies below zero"],
        ["not enough evidence", "else: the interval holds zero, and more than the margin"],
    ]
    return table(["verdict", "when"], lines)


def _params_table(names: Sequence[str], configs: Sequence[JsonObject]) -> Markup:
    """Return a table of configurations, side by side under their names."""
    params = list(dict.fromkeys(param for config in configs for param in config))
    lines = [
        [param, *(value_text(config[param]) if param in config else "-" for config in configs)]
        for param in params
    ]
    return table(["param", *names], lines)


def _runs_table(arms: Sequence[JsonObject], names: Sequence[str]) -> Markup:
    scores = ("native", "common", "common_argmax")
    lines = [
        [name, *(plain(arm[score]["runs"][run]) for arm in arms for score in scores)]
        for run, name in enumerate(names)
    ]
    lines.append(["mean", *(plain(arm[score]["mean"]) for arm in arms for score in scores)])
    return table(
        ["run", *(["native", "sum", "argmax"] * len(arms))],
        lines,
        groups=[("", 1), *((arm["mapping"], len(scores)) for arm in arms)],
        numeric=range(1, 1 + len(scores) * len(arms)),
        strong=(len(names),),
    )


def native_table(arms: Sequence[JsonObject]) -> Markup:
    """The IoU of each arm's own classes."""
    columns = [[(name, plain(iou)) for name, iou in arm["iou_native"].items()] for arm in arms]
    rows = zip_longest(*columns, fillvalue=("", ""))
    lines = [[text for pair in row for text in pair] for row in rows]
    return table(
        ["class", "IoU"] * len(arms),
        lines,
        groups=[(arm["mapping"], 2) for arm in arms],
        numeric=range(1, 2 * len(arms), 2),
    )


def _configurations(result: JsonObject) -> list[dict[str, Any]]:
    """Return the different params of the runs but for the seed; one of each, in order."""
    found: list[dict[str, Any]] = []
    for params in result.get("runs", []):
        config = _without_seed(params)
        if config not in found:
            found.append(config)
    return found


def _run_names(result: JsonObject) -> list[str]:
    """Name the runs by their seeds, and by their configurations where there are several."""
    if "runs" not in result:
        count = len(result["arms"][0]["common"]["runs"])
        return [f"run {i}" for i in range(1, count + 1)]
    configs = _configurations(result)
    if len(configs) < 2:
        return [f"seed {params['seed']}" for params in result["runs"]]
    return [
        f"configuration {configs.index(_without_seed(params)) + 1}, seed {params['seed']}"
        for params in result["runs"]
    ]


def _without_seed(params: JsonObject) -> dict[str, Any]:
    return {name: value for name, value in params.items() if name != "seed"}


def _scene_markup(scene: ArmScene, names: Sequence[str]) -> Markup:
    scores = ", ".join(
        f"{name} {plain(score)}" for name, score in zip(names, scene.scores, strict=True)
    )
    caption = f"{scene.image_id}: {signed(scene.difference)} ({scores})"
    alt = (
        f"{scene.image_id}: image, ground truth, the predictions of {', '.join(names)}, and where "
        f"{names[0]} and {names[-1]} differ"
    )
    return image(scene.picture, alt, caption)


def _matched(result: JsonObject) -> str:
    several = "seeds" if len(result["seeds"]) > 1 else "seed"
    return f"{result['arms'][0]['configs']}, each with the {several} {_list(result['seeds'])}"


def _list(values: Sequence[int]) -> str:
    return ", ".join(map(str, values))
