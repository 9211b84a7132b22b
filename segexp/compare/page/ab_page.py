"""The page of an A/B study: which mapping trains the better model, and how sure one can be."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from segexp.compare.page.answer_sections import (
    classes_section,
    decomposition_section,
    difference_section,
    rules_section,
)
from segexp.compare.page.arm_sections import (
    arms_section,
    common_space_section,
    information_section,
)
from segexp.compare.page.figures import JsonObject
from segexp.compare.page.image_sections import images_section
from segexp.compare.page.method_sections import method_section
from segexp.compare.page.numbers import (
    images_of,
    interval_text,
    interval_title,
    plain,
    signed,
    with_arm_names,
)
from segexp.compare.page.pictures import ArmScene
from segexp.compare.page.protocol_sections import protocols_section
from segexp.compare.page.view import CLUSTERS, AbView, pair_title
from segexp.report.page import Section, cards, note, paragraph, render_page, statement

SECTIONS: list[Callable[[AbView], Iterator[Section]]] = [
    difference_section,
    decomposition_section,
    rules_section,
    classes_section,
    protocols_section,
    information_section,
    arms_section,
    common_space_section,
    images_section,
    method_section,
]
"""The sections of the page, in order. Each function yields its section, or nothing."""


def ab_page(result: Mapping[str, Any], scenes: Sequence[ArmScene]) -> str:
    """Draw an A/B study as a self-contained HTML page.

    Args:
        result: The content of ``ab_result.json``. Where it has ``runs``, the params of each run
            with its ``seed``, the page names the runs by them.
        scenes: The images to show; the page sorts them by their difference.

    Returns:
        The HTML document: 4.8 MB of plotly.js, and 4/3 of the size of the pictures.
    """
    named = with_arm_names(result)
    view = AbView(named, named["arms"], named["pairs"], scenes)
    sections = [section for of_view in SECTIONS for section in of_view(view)]
    return render_page(f"A/B study {result['name']}", _opening(view), sections)


def _opening(view: AbView) -> list[Markup]:
    result, pairs = view.result, view.pairs
    opening = [
        statement(
            f"{pair_title(p)}: {p['verdict']}",
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
                opening.append(note(f"{pair_title(pair)}: {caveat}"))
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
            f"{_of(pair, pairs)}a difference that 4 of 5 studies of this size would find",
        )
        for pair in pairs
        if pair.get("detectable") is not None
    ]
    entries.append((f"{result['images']:,}", images_of(result)))
    clusters = result["clusters"]
    if clusters["kind"] != "none":
        entries.append((f"{clusters['count']:,}", CLUSTERS[clusters["kind"]]))
    runs, configs = pairs[0]["runs"], view.arms[0].get("configs", 1)
    kind = f", with {len(result['seeds'])} seeds" if result["seeds"] else ""
    if configs > 1:
        kind = f", of {configs} configurations"
    entries.append((str(runs), f"{'run' if runs == 1 else 'runs'} of each arm{kind}"))
    opening.append(cards(entries))
    opening.append(
        paragraph(
            f"{_what_arms_are(view)} mIoU, the mean intersection over union of the classes, is 1 "
            f"for a perfect model. Data: {result['data']}."
        )
    )
    return opening


def _what_arms_are(view: AbView) -> str:
    if view.is_masks:
        return "Each arm is a folder of predicted masks, in its own classes."
    return (
        "Each arm is one mapping: a way to sort the labels of the data into the classes that a "
        "model learns."
    )


def _of(pair: JsonObject, pairs: Sequence[JsonObject]) -> str:
    """Name a pair, unless it is the only one."""
    return f"{pair_title(pair)}: " if len(pairs) > 1 else ""
