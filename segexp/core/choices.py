"""Choices that a room offers by name: config asks the room and lists no names itself."""

import pkgutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

from pydantic_core import CoreSchema, PydanticCustomError, core_schema


@dataclass(frozen=True)
class Offered:
    """The type of a key whose values are names that a room offers, for `typing.Annotated`.

    The room's module is imported when a value is checked, and needs no heavy library: a wrong word
    is refused at once.

    Attributes:
        place: The table, such as ``segexp.training.schedules:SCHEDULES``: its keys are the names;
            a function that returns them; or a package, each of whose modules is one:
            ``segexp.training.losses``.
    """

    place: str

    def names(self) -> tuple[str, ...]:
        """Return the names, those of a table in its order."""
        module, _, table = self.place.partition(":")
        found = import_module(module)
        if not table:
            return names_in(found.__path__)
        names = getattr(found, table)
        return tuple(names() if callable(names) else names)

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: Any) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.names())}

    def check(self, value: Any) -> str:
        """Return the value if it is one of the names.

        Raises:
            PydanticCustomError: When it is not.
        """
        names = self.names()
        if isinstance(value, str) and value in names:
            return value
        # The wording of pydantic for a Literal.
        raise PydanticCustomError(
            "literal_error", "Input should be {expected}", {"expected": _listed(names)}
        )


def names_in(path: Iterable[str]) -> tuple[str, ...]:
    """Return the modules of a package without importing them; a leading underscore hides one."""
    found = (module.name for module in pkgutil.iter_modules(path))
    return tuple(sorted(name for name in found if not name.startswith("_")))


def module_in(package: ModuleType, name: str) -> ModuleType:
    """Import a module of a package; its name may have ``-`` for ``_``."""
    return import_module(f"{package.__name__}.{name.replace('-', '_')}")


def _listed(names: Sequence[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    return " or ".join(filter(None, (", ".join(quoted[:-1]), quoted[-1])))
