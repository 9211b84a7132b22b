"""Hostile files of other projects for `segexp mapping import`: YAML, JSON, Python, tables."""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from harness.project import ROOT
from segexp.core.errors import InputError, WorkError
from segexp.labels.files import load_mapping
from segexp.labels.importer import Choices, import_mapping, importer_of
from segexp.labels.importers import importer_names
from segexp.labels.importers._writing import target_of, write_imported
from segexp.labels.taxonomy import load_taxonomy

from . import writing_only_below
from .mutations import damaged, pick
from .terminal import tell

COUNT = 4_000

CITYSCAPES = load_taxonomy(ROOT / "mappings" / "taxonomies" / "cityscapes19.yaml")
NAMES = CITYSCAPES.names
COLORS = [list(color) for color in CITYSCAPES.colors]
COLORED = list(zip(NAMES, COLORS, strict=True))

VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 255, 10**9, 10**400, 1.5, float("nan"), float("inf"), "", "void", "road"),
    *("\x1b[2J", "\ud800", "a\nb", "../x", "<b>", "[/]", "x" * 3000, [], {}, [[]], {"a": {}}),
)
# In Python source, each in the place of a value.
EXPRESSIONS = (
    *("__import__('os').system('touch pwned')", "open('pwned', 'w')", "(lambda: 1)()", "[1][5]"),
    *("[" * 90 + "]" * 90, "-" * 400 + "1", "1+" * 400 + "1", "not " * 300 + "1", "9" * 5000),
    *("a.b" * 300, "f(" * 80 + ")" * 80, "2 ** 10 ** 10", "'a' * 10 ** 9", "1 / 0", "{}[1]"),
    *("{[]: 1}", "*a", "b'x'", "...", "1j", "f'{x}'", "yield", "await x", "(x := 1)", "\\x00"),
)
PARTS = ('"', ",", "\t", ";", "\n", "\r", "\x00", "{", "}", "a" * 200_000, '"' * 3, "\ufeff", "é")
SUFFIXES = (".yaml", ".yml", ".json", ".py", ".csv", ".tsv", ".txt", ".YAML", "", ".exe")


def run_case(rng: np.random.Generator, directory: Path) -> str:
    """Import one hostile file, as ``segexp mapping import`` does, and read back what it wrote."""
    project = directory / "out" / "project"
    (project / "mappings" / "taxonomies").mkdir(parents=True)
    (project / "mappings" / "taxonomies" / "cityscapes19.yaml").write_bytes(
        (ROOT / "mappings" / "taxonomies" / "cityscapes19.yaml").read_bytes()
    )
    text, suffix, format_name = pick(rng, MAKERS)(rng)
    data = text.encode(errors="surrogatepass")
    if rng.random() < 0.25:
        data = damaged(rng, data)
    if rng.random() < 0.05:
        data *= int(rng.integers(2, 200))
    file = directory / f"foreign{pick(rng, SUFFIXES) if rng.random() < 0.05 else suffix}"
    file.write_bytes(data)
    if rng.random() < 0.1:
        format_name = pick(rng, importer_names())
    choices = _choices(rng, format_name)
    taxonomy = CITYSCAPES if choices.new_taxonomy is None else None
    try:
        with writing_only_below(directory / "out"):
            name, path = target_of(project, file, None, None, force=False)
            imported = import_mapping(
                file, name, pick(rng, ("auto", format_name)), taxonomy, choices
            )
            write_imported(imported, path, file.name)
            assert load_mapping(path) == imported.mapping
    except (InputError, WorkError) as error:
        tell(error)
        return "refused"
    return "accepted"


def _choices(rng: np.random.Generator, format_name: str) -> Choices:
    said: dict[str, Any] = {
        "by": pick(rng, ("trainId", "category")),
        "column": pick(rng, ("cityscapes-19", "\x1b[2J", "universal")),
        "encoding": pick(rng, ("default", "labelIds", "x")),
        "shift": int(pick(rng, (-1, 1, 10**9))),
        "new_taxonomy": pick(rng, ("mine", "../x", "cityscapes19")),
    }
    known = importer_of(format_name).choices
    fitting = {k: v for k, v in said.items() if k in known or rng.random() < 0.02}
    kept = {k: v for k, v in fitting.items() if k == "column" or rng.random() < 0.4}
    return Choices(**kept, background_as_void=bool(rng.random() < 0.2))


def _value(rng: np.random.Generator, value: Any) -> Any:
    """Return a value, or now and then another one."""
    return pick(rng, VALUES) if rng.random() < 0.02 else value


def _mapping_dict(rng: np.random.Generator) -> tuple[str, str, str]:
    count = int(rng.integers(1, 6)) if rng.random() < 0.9 else int(rng.integers(200, 4000))
    classes = [_value(rng, f"class {i}") for i in range(count)]
    ids = {i: _value(rng, i % count) for i in range(-1, int(rng.integers(15, 30)))}
    content: dict[Any, Any] = {
        "mapping_dict": _value(rng, ids),
        "classes": _value(rng, pick(rng, (classes, dict(enumerate(classes))))),
        "color_map": _value(rng, [_value(rng, [i % 256, 0, 0]) for i in range(count)]),
    }
    return _written(rng, content, "mapping-dict")


def _metainfo(rng: np.random.Generator) -> tuple[str, str, str]:
    content: dict[Any, Any] = {
        "classes": _value(rng, [_value(rng, name) for name in NAMES]),
        "palette": _value(rng, [_value(rng, color) for color in COLORS]),
        "reduce_zero_label": _value(rng, False),
    }
    if rng.random() < 0.4:
        source = f"class D:\n    METAINFO = dict(classes={content['classes']!r}, palette=1)\n"
        return _with_expressions(rng, source), ".py", "mmseg"
    return _written(rng, content, "mmseg")


def _labels(rng: np.random.Generator) -> tuple[str, str, str]:
    rows = [
        [_value(rng, v) for v in (name, i + 7, i, "flat", i % 5, False, False, tuple(color))]
        for i, (name, color) in enumerate(zip(NAMES, COLORS, strict=True))
    ]
    if rng.random() < 0.7:
        lines = [f"    Label({', '.join(map(repr, row))}),\n" for row in rows]
        return _with_expressions(rng, "labels = [\n" + "".join(lines) + "]\n"), ".py", LABELS
    header = ["name", "id", "trainId", "category", "categoryId", "a", "b", "color"]
    return _table(rng, [header, *rows]), ".csv", LABELS


def _mseg(rng: np.random.Generator) -> tuple[str, str, str]:
    rows = [[_value(rng, name), _value(rng, f"{{{name}}}"), "x"] for name in NAMES]
    return _table(rng, [["universal", "cityscapes-19", "other"], *rows]), ".tsv", "mseg"


def _label_csv(rng: np.random.Generator) -> tuple[str, str, str]:
    rows = [[_value(rng, name), _value(rng, f"c{i % 4}")] for i, name in enumerate(NAMES)]
    rows *= int(rng.integers(2, 400)) if rng.random() < 0.1 else 1
    return _table(rng, rows), ".csv", "csv"


def _listing(rng: np.random.Generator) -> tuple[str, str, str]:
    """A label file as other tools write it, in JSON or YAML."""
    by_id = {str(i): _value(rng, name) for i, name in enumerate(NAMES)}
    by_name = {name: _value(rng, i) for i, name in enumerate(NAMES)}
    colored = [
        {"name": n, "readable": n, "title": n, "id": i, "color": _value(rng, c), "evaluate": i % 2}
        for i, (n, c) in enumerate(COLORED)
    ]
    mapped = {i: _value(rng, i % 19) for i in range(-1, 25)}
    contents: dict[str, Any] = {
        "id2label": _value(rng, pick(rng, (by_id, by_name, {"id2label": by_id}))),
        "nnunet": {"labels": _value(rng, pick(rng, (by_id, by_name))), "numTraining": 4},
        "ultralytics": {"names": _value(rng, [*NAMES]), "nc": 19, "label_mapping": mapped},
        "supervisely": {"classes": _value(rng, [_value(rng, row) for row in colored])},
        "mapillary": {"labels": _value(rng, [_value(rng, row) for row in colored])},
        "label-list": {"categories": _value(rng, [_value(rng, row) for row in colored])},
    }
    format_name = pick(rng, tuple(contents))
    return _written(rng, contents[format_name], format_name)


def _lines(rng: np.random.Generator) -> tuple[str, str, str]:
    """A label file as other tools write it, line by line."""
    rows = [[_value(rng, v) for v in (i, n, *c)] for i, (n, c) in enumerate(COLORED)]
    if rng.random() < 0.4:
        return _table(rng, [["id", "name", "r", "g", "b"], *rows]), ".csv", "id-table"
    if rng.random() < 0.5:
        return _table(rng, [["name", "r", "g", "b"], *(r[1:] for r in rows)]), ".csv", "class-dict"
    names = [str(row[1]) for row in rows]
    return "\n".join(pick(rng, (names, ["__ignore__", *names]))), ".txt", "label-names"


LABELS = "cityscapes-labels"
MAKERS = (_mapping_dict, _metainfo, _labels, _mseg, _label_csv, _listing, _lines)


def _written(rng: np.random.Generator, content: Any, format_name: str) -> tuple[str, str, str]:
    if rng.random() < 0.5:
        depth = int(rng.integers(1, 3000)) if rng.random() < 0.05 else 0
        text = json.dumps(content)
        return "[" * depth + text + "]" * depth, ".json", format_name
    return yaml.safe_dump(content, sort_keys=False), ".yaml", format_name


def _with_expressions(rng: np.random.Generator, source: str) -> str:
    """Return source with some of its values computed, too deep, or not Python."""
    parts = source.split(",")
    for _ in range(rng.integers(0, 3)):
        parts[int(rng.integers(len(parts)))] = pick(rng, EXPRESSIONS)
    return ",".join(parts) * (int(rng.integers(1, 300)) if rng.random() < 0.05 else 1)


def _table(rng: np.random.Generator, rows: list[list[Any]]) -> str:
    separator = pick(rng, (",", "\t", ";"))
    cells = [[str(cell) for cell in row] for row in rows]
    for _ in range(rng.integers(0, 3)):
        row = cells[int(rng.integers(len(cells)))]
        row[int(rng.integers(len(row)))] += pick(rng, PARTS)
    if rng.random() < 0.05:
        cells[0] += itertools.repeat("column", 20_000)
    return "\n".join(separator.join(row) for row in cells)
