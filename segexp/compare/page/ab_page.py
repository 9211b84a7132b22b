"""The page of an A/B study: which mapping trains the better model, and how sure one can be."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from segexp.compare.next_step import named_if_several, next_step
from segexp.compare.page import (
    answer_sections,
    arm_sections,
    image_sections,
    method_sections,
    protocol_sections,
)
from segexp.compare.page.numbers import (
    images_of,
    interval_text,
    interval_title,
    plain,
    signed,
    with_arm_names,
)
from segexp.compare.page.pictures import ArmScene
from segexp.compare.page.sentences import answer_sentences
from segexp.compare.page.view import CLUSTERS, AbView, pair_title
from segexp.report.page import Section, cards, next_box, note, paragraph, render_page, verdict

SECTIONS: list[Callable[[AbView], Iterator[Section]]] = [
    answer_sections.difference_section,
    answer_sections.decomposition_section,
    answer_sections.rules_section,
    answer_sections.classes_section,
    protocol_sections.protocols_section,
    arm_sections.information_section,
    arm_sections.arms_section,
    arm_sections.common_space_section,
    image_sections.images_section,
    method_sections.method_section,
]
"""The sections of the page, in order. Each function yields its section, or nothing."""


_KINDS = {
    "better": "better",
    "worse": "worse",
    "equivalent": "equivalent",
    "not enough evidence": "open",
}
"""The colour of a verdict's badge, by its name in `segexp.report.colors`."""


def ab_page(result: Mapping[str, Any], scenes: Sequence[ArmScene]) -> str:
    """Draw an A/B study as a self-contained HTML page.

    Args:
        result: The content of ``ab_result.json``. Where it has ``runs``, the params of each run
            with its ``seed``, the page names the runs by them.
        scenes: The images to show; the page sorts them by their difference.

    Returns:
        The HTML document: 0.6 MB of plotly.js, and the pictures as WebP.
    """
    named = with_arm_names(result)
    view = AbView(named, named["arms"], named["pairs"], scenes)
    sections = [section for of_view in SECTIONS for section in of_view(view)]
    return render_page(f"A/B study {result['name']}", _opening(view), sections)


def _opening(view: AbView) -> list[Markup]:
    return [*_answer(view), cards(_numbers(view)), _about(view), *map(note, _notes(view))]


def _answer(view: AbView) -> list[Markup]:
    """The verdicts, and what to do next."""
    opening = [
        verdict(
            pair["verdict"],
            _KINDS[pair["verdict"]],
            pair_title(pair),
            " ".join(answer_sentences(pair)),
        )
        for pair in view.pairs
    ]
    step = next_step(view.result)
    return [*opening, *([next_box(step.texts, step.command)] if step else [])]


def _notes(view: AbView) -> Iterator[str]:
    result, pairs = view.result, view.pairs
    for pair in pairs:
        for caveat in pair["caveats"]:
            of_all = all(caveat in other["caveats"] for other in pairs)
            if not of_all:
                yield f"{pair_title(pair)}: {caveat}"
            elif pair is pairs[0]:
                yield caveat
    yield from result["caveats"]
    if (protocols := result.get("protocols")) and protocols["sentence"]:
        yield protocols["sentence"]


def _numbers(view: AbView) -> list[tuple[str, str]]:
    result, pairs = view.result, view.pairs
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
            plain(pair["detectable"]) if pair["detectable"] <= 1 else "none",
            f"{named_if_several(pair, pairs)}a difference that 4 of 5 studies of this size would "
            f"find{'' if pair['detectable'] <= 1 else ': none that a score could show'}",
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
    return entries


def _about(view: AbView) -> Markup:
    return paragraph(
        f"{_what_arms_are(view)} mIoU, the mean intersection over union of the classes, is 1 for a "
        f"perfect model. Data: {view.result['data']}."
    )


def _what_arms_are(view: AbView) -> str:
    if view.is_masks:
        return "Each arm is a folder of predicted masks, in its own classes."
    if any(arm.get("settings") for arm in view.arms):
        return (
            "Each arm is a configuration: what it fixes stands below, and everything "
            "else of a candidate is the same in all of them."
        )
    return (
        "Each arm is one mapping: a way to sort the labels of the data into the classes that a "
        "model learns."
    )
