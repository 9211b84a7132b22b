"""The sections that answer: the difference, where it comes from, class by class."""

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from segexp.compare.page.figures import JsonObject, decomposition_figure
from segexp.compare.page.forest import classes_figure, headline_figure, told_apart
from segexp.compare.page.numbers import (
    UNKNOWN,
    has_unknown,
    interval_text,
    interval_title,
    p_of,
    plain,
    signed,
)
from segexp.compare.page.view import AbView, pair_title
from segexp.report.page import Part, Section, note, paragraph, subheading, swatch, table

_TOO_FEW = (
    "the runs are too few, or too far apart, to tell how sure the numbers are. They are in the "
    "tables below."
)


def difference_section(view: AbView) -> Iterator[Section]:
    """How much higher one arm scores than another, in all and class by class."""
    pairs = view.pairs
    headline = headline_figure(pairs)
    parts: list[Part] = [
        paragraph(
            "Each square shows how much higher the second arm scores than the first when both are "
            "scored over the same classes, the common space. The line through it is the "
            f"{interval_title(pairs)}. Right of zero, the second arm is ahead. The shaded band is "
            f"the margin: a difference inside it would not matter. {_about_rules(pairs)}"
        )
        if headline
        else paragraph(f"No difference has an interval: {_TOO_FEW}"),
        *([headline] if headline else []),
        *([paragraph(UNKNOWN)] if any(map(has_unknown, pairs)) else []),
    ]
    for pair in pairs:
        parts.append(subheading(f"Class by class: {pair['b']} minus {pair['a']}"))
        classes = classes_figure(pair)
        parts.append(classes or paragraph(f"No class has an interval: {_TOO_FEW}"))
    yield Section("The difference", parts)


def _about_rules(pairs: Sequence[JsonObject]) -> str:
    if len(pairs[0]["rules"]) == 1:
        return "Masks hold decided classes, which are mapped to the common space (argmax)."
    return (
        "sum and argmax are two rules that turn a prediction into common classes; sum is the "
        "headline."
    )


def decomposition_section(view: AbView) -> Iterator[Section]:
    """How much of the gap is the ruler, and how much the model; nothing where one ruler is used."""
    pairs = [pair for pair in view.pairs if not _has_one_ruler(pair)]
    if not pairs:
        return
    parts: list[Part] = [
        paragraph(
            "A score measures a model with a ruler: the set of classes that it is scored over. "
            "Fewer, easier classes give a higher score even to a model that sees no more. So the "
            "gap between the two scores, each over its own classes, is split into three "
            "terms that add up to it. A ruler effect is how much the score of one model changes "
            "when it is scored over other classes: nothing new was learned. The training effect is "
            "the difference between the two models under one ruler: it alone says which labels to "
            "train with. Each number here is rounded by itself; those of the sentence at the top "
            "add up as shown."
        )
    ]
    for pair in pairs:
        if len(view.pairs) > 1:
            parts.append(subheading(pair_title(pair)))
        parts += [decomposition_figure(pair), _decomposition_table(pair)]
    yield Section("Ruler effect or training effect", parts)


def _has_one_ruler(pair: JsonObject) -> bool:
    """Whether both arms have the common classes as their own."""
    return not any(pair["decomposition"][key] for key in ("ruler_a", "ruler_b"))


def _decomposition_table(pair: JsonObject) -> Markup:
    a, b = pair["a"], pair["b"]
    terms = [
        ("ruler_a", f"ruler effect of {a}", f"{a}: common classes instead of its own"),
        ("training", "training effect", f"{b} instead of {a}, both over the common classes"),
        ("ruler_b", f"ruler effect of {b}", f"{b}: its own classes instead of the common ones"),
        ("native_gap", "raw gap", "the sum of the three"),
    ]
    lines = [
        [
            name,
            signed(pair["decomposition"][key]),
            interval_text(pair["decomposition_intervals"][key]),
            meaning,
        ]
        for key, name, meaning in terms
    ]
    return table(["term", "mIoU", interval_title([pair]), "what changes"], lines, numeric=(1, 2))


def rules_section(view: AbView) -> Iterator[Section]:
    """The answers of both collapse rules; masks have only one."""
    if view.is_masks:
        return
    pairs = view.pairs
    parts: list[Part] = [
        paragraph(
            "A model with fine classes can answer in common classes in two ways. sum adds up the "
            "probabilities of the classes that merge, then decides; argmax decides first, then "
            "maps the class to a common one. sum uses all that the model says: it is the headline."
        )
    ]
    parts += [
        note(f"{pair_title(pair)}: the verdict depends on the rule. Treat it with care.")
        for pair in pairs
        if not pair["rules_agree"]
    ]
    lines = [
        [
            pair_title(pair),
            rule,
            signed(of_rule["delta"]),
            interval_text(of_rule["interval"]),
            of_rule["verdict"],
            signed(of_rule["decomposition"]["ruler_a"]),
            signed(of_rule["decomposition"]["ruler_b"]),
        ]
        for pair in pairs
        for rule, of_rule in pair["rules"].items()
    ]
    header = ["arms", "rule", "training effect", interval_title(pairs), "verdict"]
    header += ["ruler effect of the first", "of the second"]
    parts.append(table(header, lines, numeric=(2, 3, 5, 6)))
    parts += [
        paragraph(
            f"{pair_title(pair)}: {signed(pair['decision_rule'])} of the training effect comes "
            "from the rule (sum minus argmax), not from the model."
        )
        for pair in pairs
        if pair.get("decision_rule") is not None
    ]
    yield Section("Both collapse rules", parts)


def classes_section(view: AbView) -> Iterator[Section]:
    """The IoU of each common class, and what the common space leaves out."""
    pairs, space = view.pairs, view.result["common_space"]
    colors = {c["name"]: c["color"] for c in space["classes"]}
    parts: list[Part] = [
        paragraph(
            f"The IoU of each common class by the rule {next(iter(pairs[0]['rules']))}, averaged "
            "over the runs. Among many classes some differ by chance; Holm's p corrects for that. "
            "Grey rows are not told apart at 0.05. Untouched classes have the same labels in every "
            "arm; the labels of a merged class are separate classes in some arm. The means of both "
            "groups have intervals at the level of the pair."
        )
    ]
    for pair in pairs:
        if len(pairs) > 1:
            parts.append(subheading(pair_title(pair)))
        entries = {entry["class"]: entry for entry in pair["per_class"]}
        lines: list[list[str]] = []
        faint, strong = [], []
        for group in pair.get("class_groups") or [{"classes": list(entries)}]:
            if "delta" in group:
                strong.append(len(lines))
                title = f"{group['group']}: mean of {len(group['classes'])}"
                lines.append([title, *_numbers(group), "-"])
            for name in group["classes"]:
                if not told_apart(entries[name]):
                    faint.append(len(lines))
                p_holm = p_of(entries[name], "p_holm")
                lines.append([swatch(colors[name], name), *_numbers(entries[name]), p_holm])
        # The answer first: a narrow page shows the columns at the left.
        header = ["class", "difference", "95% interval", pair["a"], pair["b"], "p", "p after Holm"]
        parts.append(table(header, lines, numeric=range(1, 7), faint=faint, strong=strong))
        parts += _dropped(pair)
    yield Section("Class by class", parts)


def _numbers(entry: JsonObject) -> list[str]:
    return [
        signed(entry["delta"]),
        interval_text(entry["interval"]),
        plain(entry["a"]),
        plain(entry["b"]),
        p_of(entry, "p"),
    ]


def _dropped(pair: JsonObject) -> list[Part]:
    """Return the labels that the common space leaves out, in the arms that score them."""
    lines: list[list[str]] = []
    for label in pair.get("dropped", []):
        held = [
            label["a"] or {"class": "-", "iou": None},
            label["b"] or {"class": "-", "iou": None},
        ]
        lines.append([label["label"], *(c for h in held for c in (h["class"], plain(h["iou"])))])
    if not lines:
        return []
    said = "Dropped: these labels are void in some arm, so they cannot be compared."
    header = ["label", "class", "IoU", "class", "IoU"]
    groups = [("", 1), (pair["a"], 2), (pair["b"], 2)]
    return [paragraph(said), table(header, lines, groups=groups, numeric=(2, 4))]
