"""Does a JSON value have the shape that a JSON Schema asks for?

The part of JSON Schema (2020-12) that an extraction task uses: ``type``, ``properties``, ``required``, ``additionalProperties``,
``items``, ``enum``, ``const`` and ``anyOf``. Other keywords (formats, lengths) are not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}


def conforms(value: Any, schema: Mapping[str, Any] | bool) -> bool:
    """Whether ``value`` (as ``json.loads`` gives it) fits ``schema``."""
    if isinstance(schema, bool):
        return schema
    return (
        _has_type(value, schema.get("type"))
        and ("enum" not in schema or any(_equal(value, one) for one in schema["enum"]))
        and ("const" not in schema or _equal(value, schema["const"]))
        and ("anyOf" not in schema or any(conforms(value, one) for one in schema["anyOf"]))
        and (not isinstance(value, dict) or _object_conforms(value, schema))
        and (not isinstance(value, list) or all(conforms(item, schema.get("items", True)) for item in value))
    )


def _equal(value: Any, wanted: Any) -> bool:
    """Equal as JSON has it: for Python true is 1."""
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)


def _has_type(value: Any, names: str | list[str] | None) -> bool:
    if names is None:
        return True
    if isinstance(names, list):
        return any(_has_type(value, name) for name in names)
    if isinstance(value, bool):  # Python's bool is an int, JSON's is not
        return names == "boolean"
    if names == "integer" and isinstance(value, float):  # 2.0 is an integer in JSON Schema
        return value.is_integer()
    return isinstance(value, _TYPES.get(names, ()))  # nothing is of a type that there is not


def _object_conforms(value: dict[str, Any], schema: Mapping[str, Any]) -> bool:
    properties = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    return all(key in value for key in schema.get("required", ())) and all(
        conforms(item, properties.get(key, others)) for key, item in value.items()
    )
