"""Hostile YAML: the shipped files with their structure, types, sizes and bytes changed."""

import math
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from harness.project import ROOT
from segexp.cli.console import console
from segexp.cli.mapping_table import mapping_table
from segexp.core.config import WORK_DIRECTORY
from segexp.core.config_keys import load_config, parse_overrides
from segexp.core.errors import InputError, WorkError
from segexp.core.yaml import MAX_BYTES, parse_yaml
from segexp.data.open import find_source, find_taxonomy
from segexp.labels.checks import color_warnings
from segexp.labels.files import find_mapping, parse_mapping, read_mappings
from segexp.labels.mapping import common_space
from segexp.labels.taxonomy import parse_taxonomy, to_label_indices
from segexp.labels.writing import mapping_yaml, taxonomy_yaml
from segexp.study.config import read_study
from segexp.study.pairs import CHECKS_FILE
from segexp.study.plan import plan_study
from segexp.study.read_space import read_space

from . import writing_only_below
from .mutations import damaged, pick
from .terminal import Screen, tell

COUNT = 10_000

SHIPPED = {
    "config": [ROOT / "config.yaml"],
    "study": sorted((ROOT / "studies").glob("*.yaml")),
    "mapping": sorted((ROOT / "mappings").glob("*.yaml")),
    "taxonomy": sorted((ROOT / "mappings" / "taxonomies").glob("*.yaml")),
}

NAMED = {
    "config": ("cityscapes19", "categories7"),
    "study": ("mapping: cityscapes19", ""),
    "mapping": ("", ""),
    "taxonomy": ("", ""),
}

WORDS = (
    *("", " ", "no", "yes", "null", "~", "void", "default", "name", "..", "../../x", "/etc/passwd"),
    *("\x1b[2J\x1b[31mred", "a\rb", "a\nb", "\u202eevil", "\ud800", "\0", "\ufeff", "x" * 5000),
    *("<script>alert(1)</script>", "[bold]x[/]", "[/]", ":car:", "{0}", "\u0440\u0430\u0455\u0455"),
    *("tu-hf-hub:a/b", "tu-resnet18.none", "tu-", "imagenet", "sqlite:////x", "CON", "a.", "~/x"),
    *("2026-01-01", "1e400", "0x1F", "merged10", "cityscapes19", "Unet", "hyperband", "grid", "gp"),
)
NUMBERS = (
    *(0, -1, 1, 2, 3, 7, 32, 255, 256, 10**9, 10**18, 2**31, 2**63, 2**64 - 1, -(2**63)),
    *(0.0, -0.0, 0.5, 1e-320, 1e308, -1e308, math.nan, math.inf, -math.inf, 5e-324),
)
# What no writer of YAML writes by itself.
SNIPPETS = (
    *("!!python/object/apply:os.system ['touch pwned']", "!!binary aGk=", "!!set {a, b}", "!own x"),
    *("!!timestamp 2026-01-01", "2026-01-01", "12:30:45", "&a [x, *a]", "&a x", "*a", "<<: {a: 1}"),
    *(
        "1e400",
        "-1e999",
        "9" * 400,
        "9" * 5000,
        "0x" + "f" * 400,
        "0x" + "f" * 9000,
        "0o" + "7" * 99,
    ),
    *(
        '"\\e[2J"',
        '"\\UFFFFFFFF"',
        '"\\ud800"',
        '"\\0"',
        "? [a]\n",
        "{? a}",
        "[",
        "]",
        "{",
        "'",
        '"',
    ),
    *("|\n  text", ">-\n  text", "---", "...", "%YAML 1.1", "@", "`", "- - - -", "\t", "#"),
    *("[" * 30 + "]" * 30, "{a: " * 25 + "1" + "}" * 25, "[" * 5000, "{" * 5000, "- " * 5000),
    *("=", "<<", ".nan", ".inf", "+.5", "0b1", "1_000", "null", "True", "NO"),
)
LINES = (b"\x00\n", b"\xef\xbb\xbf", b"\x1b[2J\n", b"\xff\xfe", b"\x85", b"\t- a\n", b"name: x\n")


def run_case(rng: np.random.Generator, directory: Path) -> str:
    """Read one hostile file as the commands that know its kind do."""
    kind = pick(rng, tuple(SHIPPED))
    source = pick(rng, SHIPPED[kind])
    project = directory / "project"
    for kept in (*SHIPPED["taxonomy"], *SHIPPED["config"], ROOT / "mappings" / "categories7.yaml"):
        place = project / kept.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(kept, place)
    hostile = project / source.relative_to(ROOT)
    hostile.parent.mkdir(exist_ok=True)
    # The project has one of the mappings that the shipped files name.
    hostile.write_bytes(_hostile(rng, source.read_text("utf-8").replace(*NAMED[kind])))
    read: Callable[..., None] = globals()[f"_read_{kind}"]
    try:
        with writing_only_below(directory / "out"):
            read(rng, project, hostile)
    except (InputError, WorkError) as error:
        tell(error)
        return "refused"
    return "accepted"


def _read_config(rng: np.random.Generator, project: Path, file: Path) -> None:
    items = [
        f"{pick(rng, ('epochs', 'data.root', 'x', ''))}={pick(rng, SNIPPETS)}"
        for _ in range(rng.integers(3))
    ]
    overrides = parse_overrides(items) if rng.random() < 0.3 else {}
    config = load_config(project / "config.yaml", overrides)
    find_source(project, config, [find_mapping(project, config.mapping)])


def _read_study(rng: np.random.Generator, project: Path, file: Path) -> None:
    path, study, config = read_study(project, file.stem, {"mapping": "categories7"})
    try:
        plan_study(project, str(path), study, config, read_space(str(path), study, config))
    finally:  # it may keep what it found out about models, and nothing else
        (project / WORK_DIRECTORY / CHECKS_FILE).unlink(missing_ok=True)
        with suppress(OSError):
            (project / WORK_DIRECTORY).rmdir()


def _read_mapping(rng: np.random.Generator, project: Path, file: Path) -> None:
    files = read_mappings(project)
    for faults in files.broken.values():
        tell(InputError(faults))
    mapping = find_mapping(project, file.stem)
    again, broken = parse_mapping("x", parse_yaml(mapping_yaml(mapping), "x"), mapping.taxonomy)
    assert again == mapping
    assert not broken
    color_warnings(mapping)
    common_space([mapping, mapping])
    with Screen():
        console.print(mapping_table(mapping))


def _read_taxonomy(rng: np.random.Generator, project: Path, file: Path) -> None:
    taxonomy = find_taxonomy(project, file.stem)
    text = taxonomy_yaml(taxonomy)
    if len(text.encode()) <= MAX_BYTES:
        again, faults = parse_taxonomy("x", parse_yaml(text, "x"))
        assert (again, faults) == (taxonomy, [])
    raw = rng.integers(-128, 128, (4, 4))
    for encoding in taxonomy.encodings.values():
        to_label_indices(raw, encoding)
    find_mapping(project, "categories7").lookup()


def _hostile(rng: np.random.Generator, text: str) -> bytes:
    content = parse_yaml(text, "shipped")
    snippets: list[str] = []
    for _ in range(rng.integers(0, 4)):
        if rng.random() < 0.6:
            _nudge(rng, content)
        else:
            _change(rng, content, snippets)
    style = pick(rng, (None, None, True, False))
    try:
        text = yaml.safe_dump(content, default_flow_style=style, sort_keys=False, width=200)
    except yaml.YAMLError:  # a key that is not a word
        text = repr(content)
    for number, snippet in enumerate(snippets):
        text = text.replace(f"SNIPPET{number}X", snippet)
    data = text.encode(errors="surrogatepass")
    chance = rng.random()
    if chance < 0.1:
        data = damaged(rng, data)
    elif chance < 0.2:
        data = _other_lines(rng, data)
    elif chance < 0.22:
        data = text.encode(pick(rng, ("utf-16", "utf-32", "utf-8-sig", "cp037")), errors="replace")
    elif chance < 0.25:
        data += pick(rng, (b"\n#", b"\n", b" ", b"\na: b")) * int(rng.integers(1, MAX_BYTES))
    return data


def _other_lines(rng: np.random.Generator, data: bytes) -> bytes:
    """Return the text with a line twice, moved, gone, indented otherwise or of another kind."""
    lines = data.splitlines(keepends=True) or [b""]
    place, other = (int(i) for i in rng.integers(0, len(lines), 2))
    kind = rng.integers(6)
    if kind == 0:
        lines.insert(other, lines[place])
    elif kind == 1:
        lines.insert(other, lines.pop(place))
    elif kind == 2:
        lines.pop(place)
    elif kind == 3:
        lines[place] = b" " * int(rng.integers(1, 9)) + lines[place]
    elif kind == 4:
        lines[place] = lines[place].lstrip()
    else:
        lines.insert(place, pick(rng, LINES))
    return b"".join(lines)


def _nudge(rng: np.random.Generator, content: Any) -> None:
    """Change one place a little: such content is often valid, and gets further."""
    container, key = pick(rng, list(_places(content)) or [([None], 0)])
    value = container[key]
    if isinstance(value, int | float) and not isinstance(value, bool):
        nudges = (value + 1, value * 2, value / 2, -value, float(value), value * 32, not value)
        container[key] = pick(rng, nudges)
    elif isinstance(value, str):
        container[key] = pick(rng, (f"{value}x", value.upper(), value[:-1], f"{value} ", [value]))
    elif isinstance(value, list) and value:
        value.insert(int(rng.integers(len(value) + 1)), pick(rng, value))
    elif isinstance(value, dict) and value:
        first, second = (pick(rng, list(value)) for _ in range(2))
        value[first], value[second] = value[second], value[first]
    else:
        container[key] = pick(rng, (None, [], {}, 1, "merged10", True))


def _change(rng: np.random.Generator, content: Any, snippets: list[str]) -> None:
    """Change one place of the content: its value, its key, its number, its depth or its absence."""
    places = list(_places(content))
    if not places:
        return
    container, key = pick(rng, places)
    value = container[key]
    kind = rng.integers(9)
    if kind <= 2:
        container[key] = pick(rng, pick(rng, (WORDS, NUMBERS)))
    elif kind == 3:
        container[key] = f"SNIPPET{len(snippets)}X"
        snippets.append(pick(rng, SNIPPETS))
    elif kind == 4:
        other, other_key = pick(rng, places)
        container[key] = yaml.safe_load(yaml.safe_dump(other[other_key]))
    elif kind == 5:
        del container[key]
    elif kind == 6:
        _multiply(rng, container, key)
    elif kind == 7:
        for _ in range(int(rng.integers(1, 30))):
            value = [value] if rng.random() < 0.5 else {"a": value}
        container[key] = value
    elif isinstance(container, dict):
        new_key = pick(rng, (*WORDS, *NUMBERS, None, True, key.upper() if key == str(key) else key))
        container[new_key] = container.pop(key)


def _multiply(rng: np.random.Generator, container: Any, key: Any) -> None:
    """Repeat something hundreds or thousands of times."""
    count = int(10 ** rng.uniform(0.5, 3.8))
    value = container[key]
    if isinstance(value, list) and value:
        value *= count
    elif isinstance(value, dict):
        value.update({f"{pick(rng, ('a', 'x.', ' '))}{i}": i for i in range(count)})
    elif isinstance(value, str):
        container[key] = pick(rng, (value * count, [f"{value}{i}" for i in range(count)]))
    else:
        container[key] = list(range(count))


def _places(content: Any) -> Any:
    """Yield every place of a value: its container and its key there."""
    for key, value in content.items() if isinstance(content, dict) else enumerate(content):
        yield content, key
        if isinstance(value, dict | list):
            yield from _places(value)
