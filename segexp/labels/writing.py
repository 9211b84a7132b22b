"""Mapping and taxonomy files as a person would write them: one aligned row per class or label."""

import yaml

from segexp.core.errors import InputError
from segexp.core.yaml import parse_yaml
from segexp.labels.mapping import Mapping
from segexp.labels.taxonomy import Taxonomy


def mapping_yaml(mapping: Mapping, comment: str = "") -> str:
    """Return the text of a mapping's file; `load_mapping` reads the same mapping back.

    Args:
        mapping: The mapping; the file must be called ``<mapping.name>.yaml``.
        comment: What the file opens with, for the person who reads it; may have several lines.
    """
    names = [f"{yaml_word(c.name)}," for c in mapping.classes]
    width = max(map(len, names), default=0)
    rows = [
        f"  - {{name: {name:<{width}} color: {list(c.color)}, labels: {_flow_list(c.labels)}}}"
        for name, c in zip(names, mapping.classes, strict=True)
    ]
    lines = [
        *comment_lines(comment),
        f"name: {yaml_word(mapping.name)}",
        f"taxonomy: {yaml_word(mapping.taxonomy.name)}",
        *([] if mapping.to is None else [f"to: {yaml_word(mapping.to)}"]),
        "classes:",
        *rows,
        f"void: {_flow_list(mapping.void_labels)}",
    ]
    return "\n".join(lines) + "\n"


def taxonomy_yaml(taxonomy: Taxonomy, comment: str = "") -> str:
    """Return the text of a taxonomy's file; `load_taxonomy` reads the same taxonomy back.

    Args:
        taxonomy: The taxonomy; the file must be called ``<taxonomy.name>.yaml``.
        comment: What the file opens with.
    """
    content = taxonomy.to_dict()
    names = [f"{yaml_word(name)}," for name in taxonomy.names]
    ids = [str(row["id"]) for row in content["labels"]]
    width, id_width = max(map(len, names)), max(map(len, ids))
    lines = [
        *comment_lines(comment),
        f"name: {yaml_word(taxonomy.name)}",
        "labels:",
        *(
            f"  - {{name: {name:<{width}} id: {raw_id:>{id_width}}, color: {row['color']}}}"
            for name, raw_id, row in zip(names, ids, content["labels"], strict=True)
        ),
        f"void: {content['void']}",
        f"void_color: {content['void_color']}",
    ]
    if content["encodings"]:
        lines.append("encodings:")
    for encoding, ids_of in content["encodings"].items():
        lines += [
            f"  {yaml_word(encoding)}:",
            "    labels:",
            *(f"      {yaml_word(name)}: {raw_id}" for name, raw_id in ids_of["labels"].items()),
            f"    void: {ids_of['void']}",
        ]
    return "\n".join(lines) + "\n"


def comment_lines(comment: str) -> list[str]:
    """Return the lines of a YAML comment; characters that YAML forbids are shown as ``?``."""
    shown = ("".join(c if c.isprintable() else "?" for c in line) for line in comment.splitlines())
    return [f"# {line}".rstrip() for line in shown]


def yaml_word(text: str) -> str:
    """Return a word for a YAML list: bare where every reader takes it for a string.

    Our files are read by YAML 1.2's rules, but other tools follow 1.1, where ``no`` is False.
    """
    return text if _is_bare(text) else _quoted(text)


def _is_bare(text: str) -> bool:
    document = f"[{text}]"
    try:
        return bool(parse_yaml(document, "") == [text] == yaml.safe_load(document))
    except (InputError, yaml.YAMLError, ValueError):
        return False


def _quoted(text: str) -> str:
    quoted: str = yaml.safe_dump(text, default_style='"', allow_unicode=True, width=1 << 16)
    return quoted.rstrip("\n")


def _flow_list(words: tuple[str, ...]) -> str:
    return f"[{', '.join(map(yaml_word, words))}]"
