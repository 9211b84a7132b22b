"""What pydantic finds wrong with a YAML file, in the words of a user."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from segexp.core.credentials import url_without_credentials
from segexp.core.errors import at_most, did_you_mean, named, shown

_URLS = ("storage", "tracking.uri")


def describe_validation(
    where: str,
    error: ValidationError,
    known: Collection[str],
    overridden: Collection[str] = (),
) -> list[str]:
    """Turn pydantic's errors into one line each: file, key path, value, what would be right.

    Args:
        known: The words that a wrong key may have meant.
        overridden: Keys whose values do not come from the file; it is not named for them.
    """
    lines = []
    told, more = at_most(_of_one_branch(error.errors()), where)
    for fault in told:
        key = named(".".join(str(part) for part in fault["loc"]))
        from_file = not any(key == k or key.startswith(f"{k}.") for k in overridden)
        place = f"{where}: {key}" if from_file else key
        if fault["type"] == "extra_forbidden":
            section, dot, rest = str(fault["loc"][-1]).rpartition(".")
            if dot and f"{section}.{rest}" in known:
                lines.append(f"{place}: write `{rest}:` below `{section}:`; dots are for --set")
                continue
            lines.append(f"{place}: unknown key{did_you_mean(str(fault['loc'][-1]), known)}")
            continue
        if fault["type"] == "missing":
            lines.append(f"{place}: is missing")
            continue
        if fault["type"] in ("model_type", "dict_type"):
            lines.append(f"{place}: {shown(fault['input'])}: expected `key: value` lines")
            continue
        message = fault["msg"].removeprefix("Value error, ")
        if not fault["loc"]:  # of several keys, which it names
            lines.append(f"{where}: {message}")
            continue
        hint = ""
        if fault["type"] == "literal_error":
            expected = str(fault.get("ctx", {}).get("expected", "")).replace("'", "")
            hint = did_you_mean(str(fault["input"]), expected.replace(" or ", ", ").split(", "))
        # The key may have more before it, as in a study file, or behind it, as in a list.
        is_url = any(f".{url}." in f".{key}." for url in _URLS)
        value = shown(_without_user_info(fault["input"]) if is_url else fault["input"])
        lines.append(f"{place}: {value}: {message[:1].lower()}{message[1:]}{hint}")
    return lines + more


def _of_one_branch(faults: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Where a value may be of several types, leave the faults of the type that it is meant to be.

    Pydantic tries each type and puts a name of its own for it, such as ``constrained-str``, into
    the path.
    """
    paths = [tuple(part for part in f["loc"] if not _is_branch(part)) for f in faults]
    wrong_type = [
        f["type"].endswith("_type") and len(path) < len(f["loc"])
        for f, path in zip(faults, paths, strict=True)
    ]
    right = {
        path[:n]
        for path, wrong in zip(paths, wrong_type, strict=True)
        if not wrong
        for n in range(len(path) + 1)
    }
    return [
        ErrorDetails({**fault, "loc": path})
        for fault, path, wrong in zip(faults, paths, wrong_type, strict=True)
        if not (wrong and path in right)
    ]


def _is_branch(part: str | int) -> bool:
    return isinstance(part, str) and part.startswith(("constrained-", "function-"))


def _without_user_info(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_user_info(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_user_info(inner) for inner in value]
    return url_without_credentials(value) if isinstance(value, str) else value
