"""JSON schemas of mapping and taxonomy files, for editors; their readers check more than these."""

from typing import Any

from segexp.labels.taxonomy import LONGEST_NAME, MAX_RAW_ID, VOID

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_WORD = {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME}
_RAW_ID = {"type": "integer", "minimum": -MAX_RAW_ID, "maximum": MAX_RAW_ID}
_RAW_IDS = {"type": "array", "items": _RAW_ID}
_LABELS = {"type": "array", "items": _WORD}
_COLOR = {
    "description": "[r, g, b]",
    "type": "array",
    "items": {"type": "integer", "minimum": 0, "maximum": 255},
    "minItems": 3,
    "maxItems": 3,
}


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


MAPPING: dict[str, Any] = {
    "$schema": DIALECT,
    "title": "mapping",
    **_object(
        {
            "name": {**_WORD, "description": "The file's own name."},
            "taxonomy": {**_WORD, "description": "Whose labels it maps: mappings/taxonomies/."},
            "classes": {
                "description": "In the order of their indices.",
                "type": "array",
                "items": _object({"name": _WORD, "color": _COLOR, "labels": _LABELS}),
                "minItems": 2,
                "maxItems": VOID,
            },
        },
        {
            "void": {**_LABELS, "description": "Labels that are neither trained nor scored."},
            "to": {**_WORD, "description": "A taxonomy whose labels the classes are."},
        },
    ),
}

TAXONOMY: dict[str, Any] = {
    "$schema": DIALECT,
    "title": "taxonomy",
    **_object(
        {
            "name": {**_WORD, "description": "The file's own name."},
            "labels": {
                "type": "array",
                "items": _object({"name": _WORD, "id": _RAW_ID, "color": _COLOR}),
                "minItems": 1,
                "maxItems": VOID,
            },
        },
        {
            "description": {"type": "string"},
            "void": {**_RAW_IDS, "description": "Raw ids of pixels that have no label."},
            "void_color": _COLOR,
            "encodings": {
                "description": "Other ids of the same labels, by the encoding's name.",
                "type": ["object", "null"],
                "additionalProperties": _object(
                    {
                        "labels": {"type": "object", "additionalProperties": _RAW_ID},
                        "void": _RAW_IDS,
                    }
                ),
            },
        },
    ),
}
