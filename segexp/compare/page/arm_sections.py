"""The sections on what is compared: what a mapping keeps, the arms, the common space."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from markupsafe import Markup

from segexp.compare.page.figures import JsonObject, pareto_figure, runs_figure
from segexp.compare.page.numbers import interval_text, plain, signed
from segexp.compare.page.view import AbView, matched_text
from segexp.report.page import Part, Section, note, paragraph, subheading, swatch, table
from segexp.report.trials import value_text

_FRONT = (
    "The best arms are at the upper right: a high score over the common classes, and much "
    "information beyond them."
)


def information_section(view: AbView) -> Iterator[Section]:
    """How much information each mapping loses, beside the scores of its model."""
    if any(arm.get("settings") for arm in view.arms) and len({a["of"] for a in view.arms}) == 1:
        return  # configurations of one mapping, which keep the same
    counted_in = "truth" if view.is_masks else "train split"
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
        for arm in view.arms
    ]
    header = ["arm", "classes", "bits kept", "bits lost", "own mIoU"]
    header += ["mIoU common", "95% interval"]
    front = pareto_figure(view.arms)
    yield Section(
        "What a mapping costs in information",
        [
            paragraph(
                "Merged labels can no longer be told apart, and void labels are not learned at "
                "all. The information of the labels is their entropy over the pixels of the "
                f"{counted_in}, in bits per pixel. Bits kept is the part that the classes of an "
                "arm still carry; bits lost is the rest. Rare labels weigh little here, however "
                "much they matter."
            ),
            table(header, lines, numeric=range(1, 7)),
            note(
                "The own mIoU of each row is over different classes: never compare it between rows."
            ),
            *([paragraph(_FRONT), front] if front else []),
        ],
    )


def arms_section(view: AbView) -> Iterator[Section]:
    """The arms, the scores of their runs, and the IoU of their own classes."""
    parts = _of_masks(view) if view.is_masks else _of_trainings(view)
    parts.append(subheading("IoU of each arm's own classes, mean over its runs"))
    parts.append(_native_table(view.arms))
    yield Section("The arms", parts)


def _of_trainings(view: AbView) -> list[Part]:
    """The configurations of the arms, and the scores of the runs."""
    parts: list[Part] = []
    if any(arm.get("settings") for arm in view.arms):
        of_arms = [{"mapping": arm["of"], **arm["settings"]} for arm in view.arms]
        parts.append(subheading("What the arms fix; the rest is the same in all"))
        parts.append(_params_table(view.names, of_arms))
    if view.result.get("candidates"):
        parts += _candidates(view)
    elif any(arm["params"] for arm in view.arms):
        parts.append(subheading("The best configuration that each arm found"))
        parts.append(_params_table(view.names, [arm["params"] or {} for arm in view.arms]))
    else:
        trained = f"Every arm trained the same configurations ({matched_text(view.result)})."
        parts.append(paragraph(trained))
        configs = _configurations(view.result)
        if configs:
            parts.append(_params_table(_numbered(configs), configs))
    names = _run_names(view.result)
    return [
        *parts,
        subheading("Every run, common space; lines join paired runs"),
        runs_figure(view.arms, names),
        paragraph("mIoU over the arm's own classes, and over the common ones by both rules:"),
        _runs_table(
            view.arms, names, {"native": "own", "common": "sum", "common_argmax": "argmax"}
        ),
    ]


def _of_masks(view: AbView) -> list[Part]:
    """Where the masks of each arm are, which classes they hold, and the scores of the runs."""
    lines = [
        [
            arm["mapping"],
            arm["folder"],
            f"{arm['of']} ({arm['classes']})",
            ", ".join(filter(None, arm["folders"])) or "-",
        ]
        for arm in view.arms
    ]
    parts: list[Part] = [
        paragraph(f"Truth: {view.result['truth']}; {_sizes(view.result)}."),
        table(["arm", "folder", "classes of", "runs"], lines, prose=(1, 3)),
    ]
    names = [run["run"] for run in view.result["runs"]]
    if names:
        parts += [
            subheading("Every run, common classes; lines join paired runs"),
            runs_figure(view.arms, names),
        ]
    scores = {"native": "its own", "common": "common"}
    return [
        *parts,
        subheading("mIoU of each run"),
        _runs_table(view.arms, names or ["the only run"], scores),
    ]


def _candidates(view: AbView) -> list[Part]:
    """The candidates, their scores in every arm, and the winners of the searches."""
    candidates, numbers = view.result["candidates"], _numbered(view.result["candidates"])
    pair = view.pairs[0] if len(view.pairs) == 1 else None
    lines = [
        [
            number,
            " and ".join(candidate["named_by"]),
            *(plain(candidate["common"][name]) for name in view.names),
            *([signed(pair["differences"][place])] if pair else []),
        ]
        for place, (number, candidate) in enumerate(zip(numbers, candidates, strict=True))
    ]
    header = ["candidate", "named by", *view.names, *(["difference"] if pair else [])]
    winners = [
        f"{arm['mapping']}: trial {found['trial']}, {plain(found['tuning'])} while tuning, "
        f"trained again {plain(found['heldout'])}"
        for arm in view.arms
        if (found := arm["winner"])
    ]
    return [
        subheading("The candidates: the best of each search, trained in every arm"),
        paragraph(
            "Another search would have found other candidates; the interval includes how much the "
            "difference varies between them."
        ),
        table(header, lines, numeric=range(2, len(header))),
        *(
            paragraph(
                f"Mean difference, {p['b']} minus {p['a']}: {signed(p['by_origin'][p['a']])} on "
                f"the candidates of {p['a']}, {signed(p['by_origin'][p['b']])} on those of "
                f"{p['b']}."
            )
            for p in view.pairs
        ),
        *(
            [note(f"The winner of each search (no verdict). {'; '.join(winners)}.")]
            if winners
            else []
        ),
        _params_table(numbers, [candidate["params"] for candidate in candidates]),
    ]


def common_space_section(view: AbView) -> Iterator[Section]:
    """The classes over which the arms are compared."""
    space = view.result["common_space"]
    lines = [
        [
            swatch(c["color"], c["name"]),
            ", ".join(c["labels"]),
            *(plain(arm["iou_common"].get(c["name"])) for arm in view.arms),
        ]
        for c in space["classes"]
    ]
    header = ["class", "labels", *view.names]
    yield Section(
        "The common space",
        [
            paragraph(
                f"{space['name']}: the finest classes that every arm can answer in. Labels that "
                "any arm merges are merged here; labels that any arm leaves out are not scored. On "
                "the right: the IoU of each arm."
            ),
            table(header, lines, numeric=range(2, len(header)), prose=(1,)),
        ],
    )


def _params_table(names: Sequence[str], configs: Sequence[JsonObject]) -> Markup:
    params = list(dict.fromkeys(param for config in configs for param in config))
    lines = [
        [param, *(value_text(config[param]) if param in config else "-" for config in configs)]
        for param in params
    ]
    return table(["param", *names], lines)


def _runs_table(
    arms: Sequence[JsonObject], names: Sequence[str], scores: Mapping[str, str]
) -> Markup:
    """Return a table of the runs' scores and their means; ``scores`` has the name of each."""
    lines = [
        [name, *(plain(arm[score]["runs"][run]) for arm in arms for score in scores)]
        for run, name in enumerate(names)
    ]
    lines.append(["mean", *(plain(arm[score]["mean"]) for arm in arms for score in scores)])
    return table(
        ["run", *(list(scores.values()) * len(arms))],
        lines,
        groups=[("", 1), *((arm["mapping"], len(scores)) for arm in arms)],
        numeric=range(1, 1 + len(scores) * len(arms)),
        strong=(len(names),),
    )


def _native_table(arms: Sequence[JsonObject]) -> Markup:
    columns = [[(name, plain(iou)) for name, iou in arm["iou_native"].items()] for arm in arms]
    rows = zip_longest(*columns, fillvalue=("", ""))
    lines = [[text for pair in row for text in pair] for row in rows]
    return table(
        ["class", "IoU"] * len(arms),
        lines,
        groups=[(arm["mapping"], 2) for arm in arms],
        numeric=range(1, 2 * len(arms), 2),
    )


def _numbered(configs: Sequence[object]) -> list[str]:
    return [f"configuration {i}" for i in range(1, len(configs) + 1)]


def _configurations(result: JsonObject) -> list[dict[str, Any]]:
    """Return the distinct params of the runs, without the seed, in order."""
    found: list[dict[str, Any]] = []
    for params in result.get("runs", []):
        config = _without_seed(params)
        if config not in found:
            found.append(config)
    return found


def _run_names(result: JsonObject) -> list[str]:
    """Name the runs by seed, and by configuration where there are several."""
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


def _sizes(result: JsonObject) -> str:
    sizes = result["image_sizes"]
    height, width, _ = sizes[0]
    if len(sizes) == 1:
        return f"{result['images']:,} images of {height}x{width} pixels"
    return f"{result['images']:,} images of {len(sizes)} sizes"
