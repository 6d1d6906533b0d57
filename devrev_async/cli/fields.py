"""`--set NAME=VALUE`: the fields of an update, from text.

The field says how its value is read, so that a title may be ``123`` and a priority_v2 must be a number.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

from msgspec import inspect

from devrev_async import WorkUpdate
from devrev_async.errors import did_you_mean

from .codes import UsageError
from .values import NOT_JSON, as_json, as_time, split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devrev_async.models import UpdateFields

__all__ = ["parse_fields"]

_CUSTOM: Final = "custom_fields"
_KINDS: Final[tuple[tuple[type[inspect.Type] | tuple[type[inspect.Type], ...], str], ...]] = (
    (inspect.NoneType, "null"),
    (inspect.StrType, "text"),
    (inspect.DateTimeType, "time"),
    (inspect.BoolType, "bool"),
    ((inspect.IntType, inspect.FloatType), "number"),
    (inspect.CollectionType, "list"),
    ((inspect.StructType, inspect.DictType, inspect.TypedDictType), "object"),
)
_SHOWN: Final = {
    "text": "text",
    "time": "a date or time",
    "bool": "true or false",
    "number": "a number",
    "list": "a list",
    "object": "a JSON object",
}


def parse_fields(settings: Sequence[str]) -> UpdateFields:
    """The keyword arguments of `works.update` that the settings say.

    Raises:
        UsageError: no such field, a value that the field does not take, or a field given twice.
    """
    fields: dict[str, Any] = {}
    custom: dict[str, Any] = {}
    for setting in settings:
        name, text = split(setting, "--set")
        parent, dot, key = name.partition(".")
        if dot and parent == _CUSTOM and key:
            _put(custom, key, _custom_value(text), name)
        else:
            _put(fields, name, _value(name, text), name)
    if custom:
        whole: dict[str, Any] = fields.get(_CUSTOM) or {}
        for key, value in whole.items():
            _put(custom, key, value, f"{_CUSTOM}.{key}")
        fields[_CUSTOM] = custom
    return cast("UpdateFields", fields)


def _put(into: dict[str, Any], key: str, value: Any, name: str) -> None:
    if key in into:
        raise UsageError(f'--set {name} is given twice; a list is written as {name}=["a","b"]')
    into[key] = value


@cache
def _kinds_of_fields() -> dict[str, frozenset[str]]:
    info = inspect.type_info(WorkUpdate)
    assert isinstance(info, inspect.StructType)
    return {field.name: frozenset(_kinds(field.type)) for field in info.fields if field.name not in ("id", "type")}


def _kinds(type_: inspect.Type) -> list[str]:
    members = type_.types if isinstance(type_, inspect.UnionType) else (type_,)
    return [kind for member in members for class_, kind in _KINDS if isinstance(member, class_)]


def _value(name: str, text: str) -> Any:
    known = _kinds_of_fields()
    if name not in known:
        meant = did_you_mean(name, known) or f"; custom fields are {_CUSTOM}.NAME"
        raise UsageError(f"--set: no such field {name!r}{meant}")
    wanted = known[name]
    value = as_json(text)
    if value is None and "null" not in wanted:
        raise UsageError(f"--set {name}=null: the API cannot clear this field")
    if value is None:
        return None
    if value is not NOT_JSON and _kind(value) in wanted:
        return value
    if "text" in wanted:
        return text
    if "time" in wanted:
        return as_time(text, f"--set {name}")
    if "list" in wanted and (value is NOT_JSON or isinstance(value, int | float)):
        return [text]
    takes = " or ".join(shown for kind, shown in _SHOWN.items() if kind in wanted)
    raise UsageError(f"--set {name} takes {takes}, not {text!r}")


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return "list" if isinstance(value, list) else "object" if isinstance(value, dict) else "string"


def _custom_value(text: str) -> Any:
    """JSON where it is JSON, JSON strings included: what a custom field takes only the server knows."""
    value = as_json(text)
    return text if value is NOT_JSON else value
