"""The answer of an A/B study on the console: sentences and notes, then tables."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from segexp.cli.console import (
    number_table,
    print_json,
    print_table,
    prose,
    results_beside,
    say,
)
from segexp.compare.next_step import next_step
from segexp.compare.page.numbers import (
    detectable_text,
    images_of,
    interval_title,
    is_all,
    p_of,
    plain,
    signed,
    with_arm_names,
)
from segexp.compare.page.sentences import answer_sentences
from segexp.compare.statistics.gate import unmet_requirement
from segexp.compare.version import RESULT_FILE
from segexp.core.errors import WorkError


def give_answer(
    result: dict[str, Any], page: Path, *, json_: bool = False, require: str | None = None
) -> None:
    """Print an answer, say where its page is, and check what is required of it.

    Args:
        page: Beside it are the other files of the answer.
        json_: Whether the answer goes to standard output as JSON.
        require: One of `segexp.compare.statistics.gate.REQUIREMENTS`; None for nothing.

    Raises:
        WorkError: When the answer, already printed and written, is not as required.
    """
    if json_:
        print_json(result)
    screen = results_beside(json_)
    show_answer(result, screen)
    say(f"page: {page} ({RESULT_FILE} beside it)", screen)
    if require is None:
        return
    arms = [arm["mapping"] for arm in with_arm_names(result)["arms"]]
    if unmet := unmet_requirement(arms, result["pairs"], require):
        raise WorkError(unmet)
    say(f"required is {require}: met")


def show_answer(result: dict[str, Any], screen: Console) -> None:
    """Show the content of ``ab_result.json``: sentences, notes and tables."""
    result = with_arm_names(result)
    pairs = result["pairs"]
    common = [c for c in pairs[0]["caveats"] if all(c in pair["caveats"] for pair in pairs)]
    for pair in pairs:
        own = [c for c in pair["caveats"] if c not in common or len(pairs) == 1]
        _show_pair(pair, own, screen)
    _show_next(result, screen)
    if len(pairs) > 1:
        say("", screen)
        common = [f"for every pair: {caveat}" for caveat in common]
    else:
        common = []
    for caveat in [*common, *result["caveats"]]:
        prose(f"note: {caveat}", screen)
    if (protocols := result.get("protocols")) and protocols["sentence"]:
        prose(f"note: {protocols['sentence']}", screen)
    for arm in result["arms"]:
        if settings := arm.get("settings"):
            say(f"{arm['mapping']}: {_in_words({'mapping': arm['of'], **settings})}", screen)
    print_table(_arms_table(result), screen)
    if result.get("candidates"):
        print_table(_candidates_table(result), screen)
        for line in _origins(result):
            say(line, screen)
    for pair in result["pairs"]:
        print_table(_terms_table(pair), screen)
        print_table(_class_table(pair), screen)


def _show_pair(pair: dict[str, Any], caveats: list[str], screen: Console) -> None:
    say("", screen)
    for sentence in answer_sentences(pair):
        prose(sentence, screen, "bold")
    if pair.get("detectable") is not None:
        found = detectable_text(pair["detectable"])
        say(f"A study of this size finds {found} in 80% of cases.", screen)
    for caveat in caveats:
        prose(f"note: {caveat}", screen)


def _show_next(result: dict[str, Any], screen: Console) -> None:
    step = next_step(result)
    if step is None:
        return
    for text in step.texts:
        prose(text, screen)
    if step.command:
        say(f"next:  {step.command}", screen)


def _in_words(settings: dict[str, Any]) -> str:
    return ", ".join(f"{key.rpartition('.')[2]} {value}" for key, value in settings.items())


def _arms_table(result: dict[str, Any]) -> Table:
    clusters = result["clusters"]
    units = "" if clusters["kind"] == "none" else f" in {clusters['count']} {clusters['kind']}s"
    runs = len(result["arms"][0]["common"]["runs"])
    runs_of = "1 run" if runs == 1 else f"{runs} runs"
    table = number_table(
        f"mIoU of {runs_of} on {result['images']} {images_of(result)}{units}; bits per pixel",
        ("arm", "own", "common", "95% interval", "kept", "lost"),
    )
    for arm in result["arms"]:
        table.add_row(
            escape(f"{arm['mapping']} ({arm['classes']})"),
            plain(arm["native"]["mean"]),
            plain(arm["common"]["mean"]),
            _range(arm["interval_common"], plain),
            _bits(arm["bits_kept"]),
            _bits(arm["bits_lost"]),
        )
    return table


def _candidates_table(result: dict[str, Any]) -> Table:
    names = [arm["mapping"] for arm in result["arms"]]
    paired = len(result["pairs"]) == 1
    table = number_table(
        "each candidate trained in every arm, mIoU over the common classes",
        ("candidate of", *names, *(["difference"] if paired else [])),
    )
    for place, candidate in enumerate(result["candidates"]):
        cells = [escape(" and ".join(candidate["named_by"]))]
        cells += [plain(candidate["common"][name]) for name in names]
        if paired:
            cells.append(signed(result["pairs"][0]["differences"][place]))
        table.add_row(*cells)
    return table


def _origins(result: dict[str, Any]) -> list[str]:
    """Say how each search's candidates and its winner scored, without a verdict."""
    lines = []
    for pair in result["pairs"]:
        means = [
            f"{signed(pair['by_origin'][name])} on those that {name} named"
            for name in (pair["a"], pair["b"])
        ]
        lines.append(f"{pair['b']} minus {pair['a']}: {', '.join(means)}")
    for arm in result["arms"]:
        if found := arm["winner"]:
            lines.append(
                f"winner of the search in {arm['mapping']}: trial {found['trial']}, "
                f"{plain(found['tuning'])} while tuning, trained again "
                f"{plain(found['heldout'])} (another search has another winner)"
            )
    return lines


def _terms_table(pair: dict[str, Any]) -> Table:
    rules, interval = list(pair["rules"]), interval_title([pair])
    table = number_table(
        f"{pair['b']} minus {pair['a']}: the raw gap and its parts",
        ("", *(column for rule in rules for column in (rule, interval))),
    )
    titles = {
        "native_gap": "raw gap",
        "ruler_a": f"ruler of {pair['a']}",
        "training": "training: the model",
        "ruler_b": f"ruler of {pair['b']}",
    }
    for term, title in titles.items():
        cells = [escape(title)]
        for rule in rules:
            found = pair["rules"][rule]
            cells.append(signed(found["decomposition"][term]))
            cells.append(_range(found["decomposition_intervals"][term], signed))
        table.add_row(*cells)
        if term == "training" and pair.get("decision_rule") is not None:
            rule_alone = signed(pair["decision_rule"])
            table.add_row("  of which: decision rule", rule_alone, "", "", "")
    verdicts = [cell for rule in rules for cell in ("", pair["rules"][rule]["verdict"])]
    table.add_row("verdict", *verdicts)
    table.caption = "numbers are rounded one by one; those in the sentence add up"
    table.caption_justify = "left"
    return table


def _class_table(pair: dict[str, Any]) -> Table:
    """Return the classes: first those that no arm merges, then the merged ones, then the rest."""
    table = number_table(
        "IoU per common class; p corrected by Holm",
        ("class", pair["a"], pair["b"], "difference", "95% interval", "p"),
    )
    rows = {row["class"]: row for row in pair["per_class"]}
    for group in pair.get("class_groups") or [{"classes": list(rows)}]:
        if "delta" in group:
            title = f"{group['group']}: mean of {len(group['classes'])}"
            table.add_row(*_class_cells(title, group, "p"), style="bold")
        for name in group["classes"]:
            table.add_row(*_class_cells(name, rows[name], "p_holm"))
        table.add_section()
    for label in pair.get("dropped", []):
        scores = [plain(label[arm] and label[arm]["iou"]) for arm in "ab"]
        table.add_row(escape(f"dropped: {label['label']}"), *scores, "-", "-", "-")
    notes = ["p of a mean is not corrected"] if pair.get("class_groups") else []
    notes += ["dropped labels are scored in an arm's own classes"] if pair.get("dropped") else []
    table.caption, table.caption_justify = "; ".join(notes) or None, "left"
    return table


def _class_cells(title: str, row: dict[str, Any], p: str) -> list[str]:
    return [
        escape(title),
        plain(row["a"]),
        plain(row["b"]),
        signed(row["delta"]),
        _range(row["interval"], signed),
        p_of(row, p),
    ]


def _bits(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _range(interval: list[float] | None, write: Callable[[float], str]) -> str:
    if interval is None:
        return "-"
    if is_all(interval):
        return "unknown"
    return " to ".join(map(write, interval))
