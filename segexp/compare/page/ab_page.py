"""The page of an A/B study: which mapping trains the better model, and how sure one can be.

The answer is here; what is compared, and how, is in `segexp.compare.page.arm_sections`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from segexp.compare.page.arm_sections import (
    CLUSTERS,
    arms_section,
    common_space_section,
    images_section,
    information_section,
    method_section,
)
from segexp.compare.page.figures import JsonObject, decomposition_figure
from segexp.compare.page.forest import classes_figure, headline_figure, told_apart
from segexp.compare.page.mask_sections import masks_method_section, masks_section
from segexp.compare.page.numbers import (
    images_of,
    interval_text,
    interval_title,
    p_of,
    plain,
    signed,
    with_arm_names,
)
from segexp.compare.page.pictures import ArmScene
from segexp.compare.page.protocol_section import protocols_section
from segexp.report.page import (
    Part,
    Section,
    cards,
    note,
    paragraph,
    render_page,
    statement,
    subheading,
    swatch,
    table,
)


def ab_page(result: Mapping[str, Any], scenes: Sequence[ArmScene]) -> str:
    """Draw an A/B study as a self-contained HTML page.

    Args:
        result: The content of ``ab_result.json``, or what a JSON reader makes of it. With ``runs``,
            the params of each run (``seed`` among them), the page names the runs by them.
        scenes: The images to show; the page sorts them by their difference.

    Returns:
        The HTML document: 4.8 MB of plotly.js, and the pictures with a third on top.
    """
    is_masks = result["mode"] == "predictions"
    folders, result = result["arms"], with_arm_names(result)
    pairs = result["pairs"]
    sections = [
        _difference_section(pairs),
        _decomposition_section(pairs),
        *([] if is_masks else [_rules_section(pairs)]),
        _classes_section(pairs, result["common_space"]),
        *([protocols_section(result)] if result.get("protocols") else []),
        information_section(result["arms"], "truth" if is_masks else "train split"),
        masks_section(result, folders) if is_masks else arms_section(result),
        common_space_section(result),
        images_section(result, scenes),
        masks_method_section(result) if is_masks else method_section(result),
    ]
    return render_page(f"A/B study {result['name']}", _opening(result), sections)


def _opening(result: JsonObject) -> list[Markup]:
    pairs = result["pairs"]
    opening = [
        statement(
            f"{_title(p)}: {p['verdict']}",
            " ".join(filter(None, (p.get("untouched_sentence"), p["sentence"]))),
        )
        for p in pairs
    ]
    for pair in pairs:
        if pair["needed"]:
            opening.append(note(_of(pair, pairs) + pair["needed"]["text"]))
    for pair in pairs:
        for caveat in pair["caveats"]:
            of_all = all(caveat in other["caveats"] for other in pairs)
            if not of_all:
                opening.append(note(f"{_title(pair)}: {caveat}"))
            elif pair is pairs[0]:
                opening.append(note(caveat))
    opening += [note(caveat) for caveat in result["caveats"]]
    if (protocols := result.get("protocols")) and protocols["sentence"]:
        opening.append(note(protocols["sentence"]))
    entries = [
        (
            signed(pair["delta"]),
            f"mIoU, {pair['b']} minus {pair['a']}, {interval_title([pair])} "
            f"{interval_text(pair['interval'])}",
        )
        for pair in pairs
    ]
    entries.append((plain(pairs[0]["margin"]), "margin: less would not matter"))
    entries += [
        (
            plain(pair["detectable"]),
            f"{_of(pair, pairs)}a difference that four studies of five of this size find",
        )
        for pair in pairs
        if pair.get("detectable") is not None
    ]
    entries.append((f"{result['images']:,}", images_of(result)))
    clusters = result["clusters"]
    if clusters["kind"] != "none":
        entries.append((f"{clusters['count']:,}", CLUSTERS[clusters["kind"]]))
    runs, configs = pairs[0]["runs"], result["arms"][0].get("configs", 1)
    kind = f", with {len(result['seeds'])} seeds" if result["seeds"] else ""
    if configs > 1:
        kind = f", of {configs} configurations"
    entries.append((str(runs), f"{'run' if runs == 1 else 'runs'} of each arm{kind}"))
    opening.append(cards(entries))
    opening.append(
        paragraph(
            f"{_what_arms_are(result)} mIoU, the mean intersection over union of the classes, is 1 "
            f"for a perfect model. Data: {result['data']}."
        )
    )
    return opening


def _what_arms_are(result: JsonObject) -> str:
    if result["mode"] == "predictions":
        return "Each arm is a folder of masks that were predicted before, in classes of its own."
    return (
        "Each arm is one mapping: a way to sort the labels of the data into the classes that a "
        "model learns."
    )


def _of(pair: JsonObject, pairs: Sequence[JsonObject]) -> str:
    """Name a pair where there are several."""
    return f"{_title(pair)}: " if len(pairs) > 1 else ""


def _title(pair: JsonObject) -> str:
    return f"{pair['b']} against {pair['a']}"


def _difference_section(pairs: Sequence[JsonObject]) -> Section:
    parts: list[Part] = [
        paragraph(
            "A square is how much higher the second arm scores than the first when both are "
            "counted over the same classes, the common space; the line through it is the "
            f"{interval_title(pairs)}. Right of zero the second arm is ahead. Inside the shaded "
            f"band, the margin, a difference would not matter. {_about_rules(pairs)}"
        ),
        headline_figure(pairs),
    ]
    for pair in pairs:
        parts.append(subheading(f"Class by class: {pair['b']} minus {pair['a']}"))
        parts.append(classes_figure(pair))
    return Section("The difference", parts)


def _about_rules(pairs: Sequence[JsonObject]) -> str:
    if len(pairs[0]["rules"]) == 1:
        return "A mask is decided: its classes are looked up in the common space (argmax)."
    return (
        "sum and argmax are two rules by which a prediction is turned into common classes; sum is "
        "the headline."
    )


def _decomposition_section(pairs: Sequence[JsonObject]) -> Section:
    parts: list[Part] = [
        paragraph(
            "A score is a model measured with a ruler, and the ruler is the set of classes that it "
            "is counted over. Fewer, easier classes give a higher score even to a model that sees "
            "nothing more. So the gap between the two native scores, each over its own classes, is "
            "taken apart. A ruler effect is what the score of one and the same model changes when "
            "it is counted over other classes: nothing was learned for it. The "
            "training effect is the difference between two models under one ruler: it alone says "
            "which labels to train with. The three add up to the gap. Each "
            "number here is rounded by itself; those of the sentence at the top add up as shown."
        )
    ]
    for pair in pairs:
        if len(pairs) > 1:
            parts.append(subheading(_title(pair)))
        parts += [decomposition_figure(pair), _decomposition_table(pair)]
    return Section("Ruler effect or training effect", parts)


def _decomposition_table(pair: JsonObject) -> Markup:
    a, b = pair["a"], pair["b"]
    terms = [
        ("ruler_a", f"ruler effect of {a}", f"{a}: common classes instead of its own"),
        ("training", "training effect", f"{b} instead of {a}, both over the common classes"),
        ("ruler_b", f"ruler effect of {b}", f"{b}: its own classes instead of the common ones"),
        ("native_gap", "gap of the native scores", "the sum of the three"),
    ]
    lines = [
        [
            name,
            meaning,
            signed(pair["decomposition"][key]),
            interval_text(pair["decomposition_intervals"][key]),
        ]
        for key, name, meaning in terms
    ]
    return table(["term", "what changes", "mIoU", interval_title([pair])], lines, numeric=(2, 3))


def _rules_section(pairs: Sequence[JsonObject]) -> Section:
    parts: list[Part] = [
        paragraph(
            "A model of fine classes can answer in common classes in two ways. sum adds up the "
            "probabilities of the classes that become one, then decides; argmax decides first and "
            "then looks up the common class. sum uses all that the model says: it is the headline."
        )
    ]
    parts += [
        note(f"{_title(pair)}: the verdict depends on the rule. Treat it with care.")
        for pair in pairs
        if not pair["rules_agree"]
    ]
    lines = [
        [
            _title(pair),
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
            f"{_title(pair)}: {signed(pair['decision_rule'])} of the training effect is sum less "
            "argmax, the rule by which classes are decided and not the model."
        )
        for pair in pairs
        if pair.get("decision_rule") is not None
    ]
    return Section("Both collapse rules", parts)


def _classes_section(pairs: Sequence[JsonObject], space: JsonObject) -> Section:
    colors = {c["name"]: c["color"] for c in space["classes"]}
    parts: list[Part] = [
        paragraph(
            f"The IoU of each common class, by the rule {next(iter(pairs[0]['rules']))}, mean over "
            "the runs. Among many classes one differs by chance alone now and then; Holm's p "
            "allows for that. Grey rows: not told apart at 0.05. Untouched classes have the same "
            "labels in every arm; of a merged one some arm tells the labels apart. Means of either "
            "have the interval of the pair."
        )
    ]
    for pair in pairs:
        if len(pairs) > 1:
            parts.append(subheading(_title(pair)))
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
        header = ["class", pair["a"], pair["b"], "difference", "95% interval", "p", "p after Holm"]
        parts.append(table(header, lines, numeric=range(1, 7), faint=faint, strong=strong))
        parts += _dropped(pair)
    return Section("Class by class", parts)


def _numbers(entry: JsonObject) -> list[str]:
    return [
        plain(entry["a"]),
        plain(entry["b"]),
        signed(entry["delta"]),
        interval_text(entry["interval"]),
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
    said = "Dropped: some arm has these labels void, so that nothing is to be compared."
    header = ["label", "class", "IoU", "class", "IoU"]
    groups = [("", 1), (pair["a"], 2), (pair["b"], 2)]
    return [paragraph(said), table(header, lines, groups=groups, numeric=(2, 4))]
