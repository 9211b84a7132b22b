"""YAML as a careful reader takes it: no duplicate keys, aliases or tags, and no surprises."""

import re
from pathlib import Path
from typing import Any

import yaml

from segexp.errors import InputError, did_you_mean

MAX_BYTES = 64 * 1024
MAX_DEPTH = 20


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader without aliases, tags, duplicate keys and deep nesting, and with YAML 1.2 scalars.

    PyYAML follows YAML 1.1, in which a class called ``no`` is False, ``1e-3`` is text, ``010`` is
    8, ``1:30`` is 90, and a key ``<<`` merges.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.events.AliasEvent):
            raise self._fault("aliases are not allowed")
        if tag := getattr(self.peek_event(), "tag", None):  # type: ignore[no-untyped-call]
            raise self._fault(f"tags such as {tag!r} are not allowed")
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self._fault(f"nested deeper than {MAX_DEPTH} levels")
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def _fault(self, problem: str) -> yaml.MarkedYAMLError:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(
                    problem="a key must be a plain word", problem_mark=key_node.start_mark
                )
            key = self.construct_object(key_node)
            if key in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key!r} appears twice", problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def _construct_int(loader: _StrictLoader, node: yaml.ScalarNode) -> int:
    return int(node.value, 0 if node.value[:2] in ("0o", "0x") else 10)


# What plain words mean (YAML 1.2.2, chapter 10.3); PyYAML's rule for null is the same.
_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag == "tag:yaml.org,2002:null"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool",
    re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"),
    list("tTfF"),
)
_StrictLoader.add_constructor("tag:yaml.org,2002:int", _construct_int)
_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:int",
    re.compile(r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$"),
    list("-+0123456789"),
)
_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(?:(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+"
        r"|\.(?:inf|Inf|INF))$|^\.(?:nan|NaN|NAN)$"
    ),
    list("-+0123456789."),
)


def parse_yaml(text: str, where: str) -> Any:
    """Parse one YAML document.

    Args:
        text: The document.
        where: What to call it in an error: a path, or ``--set key``.

    Raises:
        InputError: With the line and column of the fault.
    """
    size = len(text.encode(errors="surrogatepass"))
    if size > MAX_BYTES:
        raise InputError(f"{where}: {size} bytes; at most {MAX_BYTES} are read")
    try:
        return yaml.load(text, Loader=_StrictLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{where}:{mark.line + 1}:{mark.column + 1}" if mark else where
        problem = ", ".join(part for part in (error.context, error.problem) if part)
        raise InputError(f"{place}: {problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"{where}: not YAML: {' '.join(str(error).split())}") from None


def read_yaml_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML file whose top level is ``key: value`` lines.

    Raises:
        InputError: When it cannot be read, is not UTF-8, is too large or is not such a file.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputError(f"{path}: {size} bytes; at most {MAX_BYTES} are read")
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    return parse_yaml_mapping(content, str(path))


def parse_yaml_mapping(content: bytes, where: str) -> dict[str, Any]:
    """Parse the content of a YAML file whose top level is ``key: value`` lines.

    Args:
        content: The file's content.
        where: What to call it in an error.

    Raises:
        InputError: When it is not UTF-8, is too large or is not such a file.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: not UTF-8 text (byte {error.start})") from None
    parsed = parse_yaml(text, where)
    if not isinstance(parsed, dict):
        kind = "is empty" if parsed is None else f"holds a {type(parsed).__name__}"
        raise InputError(f"{where}: {kind}; expected `key: value` lines")
    return parsed


def find_yaml(directory: Path, name: object, complaint: str) -> Path:
    """Return ``<name>.yaml`` in a directory, by the directory's listing.

    Args:
        directory: Where to look; a name can lead nowhere else.
        name: The name, as a person or a file gave it.
        complaint: How the error begins when there is no such file.

    Raises:
        InputError: With the complaint, a did-you-mean, and the names that there are.
    """
    known = sorted(path.stem for path in directory.glob("*.yaml"))
    if name in known:
        return directory / f"{name}.yaml"
    raise InputError(
        f"{complaint}{did_you_mean(str(name), known)}; there are {', '.join(known) or 'none'}"
    )
