"""The answer of an A/B study on the console: sentences and notes, then tables."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from segexp.cli.console import number_table, print_table, prose, say
from segexp.compare.next_step import next_step
from segexp.compare.page.numbers import (
    detectable_text,
    images_of,
    interval_title,
    is_all,
    p_of,
    with_arm_names,
)
from segexp.core.wording import signed


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
    for sentence in filter(None, (pair.get("untouched_sentence"), pair["sentence"])):
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
            _number(arm["native"]["mean"], ".3f"),
            _number(arm["common"]["mean"], ".3f"),
            _range(arm["interval_common"], ".3f"),
            _number(arm["bits_kept"], ".2f"),
            _number(arm["bits_lost"], ".2f"),
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
        cells += [_number(candidate["common"][name], ".3f") for name in names]
        if paired:
            cells.append(_number(result["pairs"][0]["differences"][place], "+.3f"))
        table.add_row(*cells)
    return table


def _origins(result: dict[str, Any]) -> list[str]:
    """Say how each search's candidates and its winner scored, without a verdict."""
    lines = []
    for pair in result["pairs"]:
        means = [
            f"{_number(pair['by_origin'][name], '+.3f')} on those that {name} named"
            for name in (pair["a"], pair["b"])
        ]
        lines.append(f"{pair['b']} minus {pair['a']}: {', '.join(means)}")
    for arm in result["arms"]:
        if found := arm["winner"]:
            lines.append(
                f"winner of the search in {arm['mapping']}: trial {found['trial']}, "
                f"{_number(found['tuning'], '.3f')} while tuning, trained again "
                f"{_number(found['heldout'], '.3f')} (another search has another winner)"
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
            cells.append(_number(found["decomposition"][term], "+.3f"))
            cells.append(_range(found["decomposition_intervals"][term], "+.3f"))
        table.add_row(*cells)
        if term == "training" and pair.get("decision_rule") is not None:
            rule_alone = _number(pair["decision_rule"], "+.3f")
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
        scores = [_number(label[arm] and label[arm]["iou"], ".3f") for arm in "ab"]
        table.add_row(escape(f"dropped: {label['label']}"), *scores, "-", "-", "-")
    notes = ["p of a mean is not corrected"] if pair.get("class_groups") else []
    notes += ["dropped labels are scored in an arm's own classes"] if pair.get("dropped") else []
    table.caption, table.caption_justify = "; ".join(notes) or None, "left"
    return table


def _class_cells(title: str, row: dict[str, Any], p: str) -> list[str]:
    return [
        escape(title),
        _number(row["a"], ".3f"),
        _number(row["b"], ".3f"),
        _number(row["delta"], "+.3f"),
        _range(row["interval"], "+.3f"),
        p_of(row, p),
    ]


def _number(value: float | None, style: str) -> str:
    if value is None:
        return "-"
    return signed(value) if style == "+.3f" else format(value, style)


def _range(interval: list[float] | None, style: str) -> str:
    if interval is None:
        return "-"
    if is_all(interval):
        return "unknown"
    return " to ".join(_number(v, style) for v in interval)
