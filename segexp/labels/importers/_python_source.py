"""Values written in Python source, read from its syntax tree and never executed."""

import ast
import warnings
from collections.abc import Iterator
from typing import Any

from segexp.core.errors import InputError, shown


def parse_source(text: str, where: str) -> ast.Module:
    """Parse Python source.

    Raises:
        InputError: With the line, when it is not Python, or nested deeper than can be parsed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as "\d" in a string of theirs
            return ast.parse(text)
    except SyntaxError as error:
        raise InputError(f"{where}:{error.lineno or 1}: not Python: {error.msg}") from None
    except (RecursionError, MemoryError):
        raise InputError(f"{where}: cannot be parsed: nested too deeply") from None
    except ValueError as error:
        raise InputError(f"{where}: cannot be parsed: {shown(str(error))}") from None


def literal(node: ast.expr, where: str, what: str) -> Any:
    """Return the value of a literal: numbers, strings, lists, tuples and dicts of them.

    Raises:
        InputError: With the line, when it is computed; it would have to be executed.
    """
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise InputError(
            f"{where}:{node.lineno}: {what} is computed; only written-out values are read, "
            "nothing is executed"
        ) from None


def calls_of(tree: ast.Module, name: str) -> list[ast.Call]:
    """Return the calls of a function or method by its name, in the order of the file."""
    found = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and _called(node.func) == name
    ]
    return sorted(found, key=lambda node: (node.lineno, node.col_offset))


def assigned(tree: ast.Module, name: str) -> list[ast.expr]:
    """Return what a name is set to, at the top or in classes, in the order of the file."""
    found = [
        value
        for node in ast.walk(tree)
        for target, value in _assignments(node)
        if isinstance(target, ast.Name) and target.id == name
    ]
    return sorted(found, key=lambda node: (node.lineno, node.col_offset))


def _called(function: ast.expr) -> str | None:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else None


def _assignments(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(node, ast.Assign):
        yield from ((target, node.value) for target in node.targets)
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        yield node.target, node.value
