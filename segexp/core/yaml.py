"""YAML read strictly: no duplicate keys, aliases or tags."""

import math
import re
from pathlib import Path
from typing import Any

import yaml
import yaml.reader

from segexp.core.errors import InputError, did_you_mean, shown
from segexp.core.files import read_bounded

MAX_BYTES = 64 * 1024
MAX_DEPTH = 20

# Of 64 bits: what the libraries take that a number is handed on to.
MIN_INT, MAX_INT = -(1 << 63), (1 << 64) - 1

_UNWANTED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Characters that no name or path has: they steer terminals, end C strings or are not text.

YAML refuses them as they are, but not as an escape such as ``"\\e"``.
"""


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader without aliases, tags, duplicate keys, deep nesting and control characters.

    Its scalars are those of YAML 1.2. PyYAML follows YAML 1.1, in which a class called ``no`` is
    False, ``1e-3`` is text, ``010`` is 8, ``1:30`` is 90, and a key ``<<`` merges.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if event.anchor is not None:
            raise self._fault("anchors and aliases are not allowed")
        if event.tag is not None:
            raise self._fault(f"tags such as {shown(event.tag)} are not allowed")
        if found := _UNWANTED.search(getattr(event, "value", "")):
            raise self._fault(f"the character {found[0]!r} is not allowed")
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self._fault(f"nested deeper than {MAX_DEPTH} levels")
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def _fault(self, problem: str) -> yaml.MarkedYAMLError:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        return _fault_at(event, problem)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _fault_at(key_node, "a key must be a plain word")
            key = self.construct_object(key_node)
            if key in seen:
                raise _fault_at(key_node, f"the key {shown(key)} appears twice")
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def _fault_at(place: Any, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=place.start_mark)


def _construct_int(loader: _StrictLoader, node: yaml.ScalarNode) -> int:
    # Beyond 4300 digits Python neither reads a number nor prints it.
    if len(node.value) <= 40:
        number = int(node.value, 0 if node.value[:2] in ("0o", "0x") else 10)
        if MIN_INT <= number <= MAX_INT:
            return number
    raise _fault_at(node, f"the number {shown(node.value)} is over 64 bits")


def _construct_float(loader: _StrictLoader, node: yaml.ScalarNode) -> float:
    number: float = loader.construct_yaml_float(node)
    if math.isinf(number) and not node.value.lower().endswith("inf"):
        raise _fault_at(node, f"the number {shown(node.value)} is too large")
    return number


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
_StrictLoader.add_constructor("tag:yaml.org,2002:float", _construct_float)
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

    Raises:
        InputError: With the line and column of the fault.
    """
    size = len(text.encode(errors="surrogatepass"))
    if size > MAX_BYTES:
        raise InputError(f"{where}: {size} bytes; at most {MAX_BYTES} are read")
    try:
        loader = _StrictLoader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        character = text[error.position]
        raise InputError(
            f"{where}:{line}:{column}: the character {character!r} is not allowed"
        ) from None
    try:
        return loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark or loader.get_mark()
        problem = ", ".join(part for part in (error.context, error.problem) if part)
        raise InputError(f"{where}:{mark.line + 1}:{mark.column + 1}: {problem}") from None
    except (ValueError, OverflowError) as error:  # such as "\UFFFFFFFF", which is not a character
        mark = loader.get_mark()
        raise InputError(f"{where}:{mark.line + 1}:{mark.column + 1}: not YAML: {error}") from None


def read_yaml_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML file whose top level is ``key: value`` lines.

    Raises:
        InputError: When it cannot be read, is not a file, is not UTF-8, is too large or is not such
            a file.
    """
    return parse_yaml_mapping(read_bounded(path, MAX_BYTES), str(path))


def parse_yaml_mapping(content: bytes, where: str) -> dict[str, Any]:
    """Parse the content of a YAML file whose top level is ``key: value`` lines.

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
