"""The answer of an A/B study in a page of Markdown, which MLflow shows above its runs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from segexp import __version__
from segexp.compare.page.numbers import (
    images_of,
    interval_text,
    interval_title,
    plain,
    signed,
    with_arm_names,
)
from segexp.compare.page.sentences import answer_sentences
from segexp.report.markdown import fitted, table, text

REWRITTEN = "*segexp writes this text again whenever the study is answered.*"


def ab_note(result: Mapping[str, Any]) -> str:
    """Write an answer as Markdown: the verdicts, the parts of each gap, the arms, what it knows.

    Args:
        result: The content of ``ab_result.json``.
    """
    named = with_arm_names(result)
    pairs, arms = named["pairs"], named["arms"]
    lines: list[str] = []
    for pair in pairs:
        for sentence in answer_sentences(pair):
            lines += [f"### {text(sentence)}", ""]
    for pair in pairs:
        lines += [*_parts(pair), ""]
    lines += [*_arms(arms), ""]
    lines += list(_notes(named, pairs))
    return fitted(lines, REWRITTEN)


def question(mode: str, arms: Sequence[str], data: str) -> str:
    """Write what an A/B study asks, before there is an answer."""
    lines = [
        f"### Not answered yet: {text(' or '.join(arms))}",
        "",
        f"**Asked.** Which arm trains the better model, by mIoU over the common classes ({mode})?",
        "",
        f"**Data.** {text(data.removeprefix('data: '))}.",
        "",
    ]
    return fitted(lines, REWRITTEN)


def _parts(pair: Mapping[str, Any]) -> list[str]:
    """Return the raw gap of a pair and what it consists of."""
    terms = {
        "native_gap": "raw gap",
        "ruler_a": f"ruler of {pair['a']}",
        "training": "**training: the model**",
        "ruler_b": f"ruler of {pair['b']}",
    }
    found, intervals = pair["decomposition"], pair["decomposition_intervals"]
    rows = [
        [
            title if "**" in title else text(title),
            signed(found[term]),
            interval_text(intervals[term]),
        ]
        for term, title in terms.items()
    ]
    return table([f"{pair['b']} minus {pair['a']}", "mIoU", interval_title([pair])], rows)


def _arms(arms: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [
        [
            text(arm["mapping"]),
            str(arm["classes"]),
            plain(arm["native"]["mean"]),
            plain(arm["common"]["mean"]),
        ]
        for arm in arms
    ]
    return table(["arm", "classes", "mIoU, own classes", "common classes"], rows)


def _notes(result: Mapping[str, Any], pairs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    images = f"{result['images']} {images_of(result)} of {result['data']}"
    yield (
        f"**Asked.** Mode {result['mode']}, margin {result['margin']:g}; {text(images)}, "
        f"{pairs[0]['runs']} runs of each arm."
    )
    yield ""
    known = dict.fromkeys(note for pair in pairs for note in pair["caveats"])
    for note in (*known, *result["caveats"]):
        yield f"- {text(note)}"
    yield ""
    yield (
        "**Repeat it.** The same `segexp ab` command answers again and trains nothing; `ab.html` "
        f"and `ab_result.json` among the artifacts have the rest (segexp {__version__})."
    )
    yield ""
