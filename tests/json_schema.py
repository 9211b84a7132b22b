"""What a JSON schema says of a value: as much of the standard as ours use."""

import re
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_KNOWN = {
    *("$schema", "$defs", "$ref", "title", "description", "default", "type", "enum", "const"),
    *("anyOf", "properties", "required", "additionalProperties", "propertyNames", "items"),
    *("prefixItems", "minItems", "maxItems", "minLength", "maxLength", "minimum", "maximum"),
    *("exclusiveMinimum", "exclusiveMaximum", "multipleOf", "pattern", "minProperties"),
    *("maxProperties",),
}


def faults_in(value: Any, schema: dict[str, Any], whole: dict[str, Any], at: str = "") -> list[str]:
    """List where a value breaks a schema; ``whole`` has the definitions."""
    assert set(schema) <= _KNOWN, set(schema) - _KNOWN
    if "$ref" in schema:
        return faults_in(value, whole["$defs"][schema["$ref"].rpartition("/")[2]], whole, at)
    fits_none = "anyOf" in schema and all(faults_in(value, s, whole, at) for s in schema["anyOf"])
    if fits_none or value not in schema.get("enum", [value]):
        return [f"{at}: {value!r} is none of the choices"]
    types = schema.get("type", list(_TYPES))
    allowed = [t for name in ([types] if isinstance(types, str) else types) for t in _TYPES[name]]
    if not isinstance(value, tuple(allowed)) or (isinstance(value, bool) and bool not in allowed):
        return [f"{at}: {value!r} is not of type {types}"]
    if isinstance(value, dict):
        return _faults_of_object(value, schema, whole, at)
    if isinstance(value, list):
        return _faults_of_list(value, schema, whole, at)
    return [] if _is_within(value, schema) else [f"{at}: {value!r} is out of range"]


def _faults_of_list(
    value: list[Any], schema: dict[str, Any], whole: dict[str, Any], at: str
) -> list[str]:
    wrong = not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))
    found = [f"{at}: {len(value)} items"] if wrong else []
    for place, item in enumerate(value):
        found += faults_in(item, schema.get("items", {}), whole, f"{at}[{place}]")
    return found


def _is_within(value: Any, schema: dict[str, Any]) -> bool:
    if isinstance(value, str):
        return re.search(schema.get("pattern", ""), value) is not None
    if isinstance(value, bool) or value is None:
        return True
    low, high = schema.get("minimum", value), schema.get("maximum", value)
    above = schema.get("exclusiveMinimum", value - 1)
    below = schema.get("exclusiveMaximum", value + 1)
    is_multiple = "multipleOf" not in schema or value % schema["multipleOf"] == 0
    return low <= value <= high and above < value < below and is_multiple


def _faults_of_object(
    value: dict[Any, Any], schema: dict[str, Any], whole: dict[str, Any], at: str
) -> list[str]:
    known = schema.get("properties", {})
    found = [f"{at}: {key} is missing" for key in schema.get("required", ()) if key not in value]
    others = schema.get("additionalProperties", True)
    for key, item in value.items():
        if key in known:
            found += faults_in(item, known[key], whole, f"{at}.{key}")
        elif others is False:
            found.append(f"{at}: unknown key {key}")
        elif isinstance(others, dict):
            found += faults_in(item, others, whole, f"{at}.{key}")
    return found
