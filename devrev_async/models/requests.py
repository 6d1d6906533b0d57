"""From keyword arguments to the JSON body of a request: pure, checked, and nothing lost on the way."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET

from ._base import is_object
from .filters import DateRange, Filters, StageFilter, check_aware
from .updates import (
    CREATE_FIELDS_OF,
    UPDATE_FIELDS_OF,
    CreateFields,
    ListUpdate,
    StageUpdate,
    Title,
    UpdateFields,
    WorkUpdate,
    Owners,
    Id,
)

__all__ = ["check_id", "create_body", "encode_body", "query_body", "type_of_id", "update_body"]

MAX_FIRST = 5000
"""Works in one answer of `works.export` at most, and the default here (the API's own default is 50)."""

_PREFIXES: Final = {"ISS": "issue", "TKT": "ticket", "TASK": "task", "OPP": "opportunity"}
_DON_KIND = re.compile(r"\Adon:core:.*[:/](issue|ticket|task|opportunity)/[^/:]+\Z")
_SORT = re.compile(r"\A[A-Za-z_][A-Za-z0-9_.]*:(asc|desc)\Z")
_FORBIDDEN_IN_ID = re.compile(r"[\s\x00-\x1f\x7f-\x9f]")
_SET_LISTS: Final = ("owned_by", "reported_by", "developed_with", "channels", "contacts")
_encoder = msgspec.json.Encoder()


def check_id(id: object, what: str = "id") -> str:
    """A display id or a DON, as given. TypeError for what is no string, ValueError for what no id can be."""
    if not isinstance(id, str):
        raise TypeError(f"{what} takes a str (a display id or a DON), not {type(id).__name__}")
    if not id:
        raise ValueError(f"{what} is empty")
    if _FORBIDDEN_IN_ID.search(id):
        raise ValueError(f"{what} holds white space or a control character: {id!r}")
    if "/" in id and not id.startswith("don:"):
        raise ValueError(f"{what} is no display id (it holds a slash) and no DON: {id!r}")
    return id


def type_of_id(id: str) -> str | None:
    """The work type that a display id's prefix or a DON's kind tells, or None."""
    if id.startswith("don:"):
        match = _DON_KIND.match(id)
        return match.group(1) if match else None
    return _PREFIXES.get(id.partition("-")[0])


def encode_body(body: Mapping[str, Any], extra: Mapping[str, Any] | None) -> bytes:
    """The body as JSON, with the keys of `extra_body` added."""
    if extra:
        both = sorted(set(extra) & set(body))
        if both:
            raise ValueError(f"extra_body repeats what is given already: {', '.join(both)}")
        check_json(extra, "extra_body")
        body = {**body, **extra}
    return _encoder.encode(body)


def check_json(value: object, where: str) -> None:
    """Refuse what JSON cannot say: NaN and infinities (which would arrive as null and clear a field), naive datetimes."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where}: {value} has no form in JSON")
    if isinstance(value, datetime):
        check_aware(where, value)
    elif is_object(value):
        for key, item in value.items():
            check_json(item, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]
            check_json(item, f"{where}[{index}]")


def query_body(fields: Mapping[str, Any], options: Mapping[str, Any], *, method: str) -> dict[str, Any]:
    """The body of export, list and count: the filters as the wire has them, then `first`, `sort_by` and the like."""
    checked = _checked(fields, Filters, method)
    stage = checked.get("stage")
    if isinstance(stage, list):
        checked["stage"] = StageFilter(name=stage)  # pyright: ignore[reportUnknownArgumentType]
    body = {**checked, **{key: value for key, value in options.items() if value is not None and value is not UNSET}}
    if "sort_by" in body:
        body["sort_by"] = _sort_by(body["sort_by"])
    for key, most in (("first", MAX_FIRST), ("limit", 2**31 - 1)):
        if key in body:
            _check_range(key, body[key], most)
    return body


def update_body(id: str, type: str | None, fields: Mapping[str, Any], *, method: str = "update") -> dict[str, Any]:
    """The body of `works.update`, with the `type` that its type-specific fields need."""
    check_id(id)
    checked = _checked(fields, UpdateFields, method)
    kind = _kind(id, type, checked)
    if kind == "opportunity" and checked.get("account", UNSET) is None:
        raise ValueError("account=None: the API cannot clear the account of an opportunity")
    body: dict[str, Any] = {"id": id}
    if kind is not None:
        body["type"] = kind
    body.update(checked)
    for key in _SET_LISTS:
        if key in body:
            body[key] = {"set": body[key]}
    for key in ("artifacts", "tags"):
        if key in body:
            body[key] = _list_update(key, body[key])
    if isinstance(body.get("stage"), str):
        body["stage"] = {"name": body["stage"]}
    return _with_schema(body)


def create_body(required: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """The body of `works.create`; lists are bare there."""
    kind = required["type"]
    checked = _checked(fields, CreateFields, "create")
    _refuse_foreign(kind, checked, CREATE_FIELDS_OF)
    if kind == "opportunity" and "account" not in checked:
        raise ValueError("an opportunity needs account=")
    body = {**_convert(required, _RequiredOfCreate, "create"), **checked}
    if "tags" in body:
        body["tags"] = [_tag(tag) for tag in body["tags"]]
    stage = body.get("stage")
    if isinstance(stage, str):
        body["stage"] = {"name": stage}
    elif isinstance(stage, StageUpdate):
        body["stage"] = {"name": stage.name, "id": stage.stage}
    return _with_schema(body)


class _RequiredOfCreate(msgspec.Struct, frozen=True):
    type: str
    title: Title
    applies_to_part: Id
    owned_by: Owners


def fields_of(update: WorkUpdate) -> dict[str, Any]:
    """The fields of a `WorkUpdate` that were given, as keyword arguments of `update`."""
    given = {name: getattr(update, name) for name in update.__struct_fields__ if name not in ("id", "type")}
    return {name: value for name, value in given.items() if value is not UNSET}


def _checked(fields: Mapping[str, Any], model: Any, method: str) -> dict[str, Any]:
    """The fields given, checked against the names, types and bounds of `model`, timestamps in UTC."""
    known: Mapping[str, Any] = model.__annotations__
    for name in fields:
        if name not in known:
            raise TypeError(f"{method}() got an unexpected keyword argument {name!r}")
    given = {name: value for name, value in fields.items() if value is not UNSET}
    return _convert(given, model, method)


def _convert(given: Mapping[str, Any], model: Any, method: str) -> dict[str, Any]:
    for name, value in given.items():
        check_json(value, name)
    try:
        plain = msgspec.to_builtins(dict(given), builtin_types=(datetime,))
        checked = msgspec.convert(plain, model)
    except (msgspec.ValidationError, TypeError) as error:
        raise _argument_error(error, method) from None
    if not isinstance(checked, dict):
        checked = msgspec.structs.asdict(checked)
    return {name: _in_utc(value) for name, value in checked.items()}  # pyright: ignore


def _argument_error(error: Exception, method: str) -> Exception:
    match = re.match(r"(?s)(.*) - at `\$\.?(.*)`\Z", str(error))
    if match is None:
        return TypeError(f"{method}(): {error}")
    said, where = match.groups()
    if "got `null`" in said:
        return ValueError(f"{where}=None: the API cannot clear this field")
    if "matching regex" in said:
        return ValueError(f"{where}: an id holds no white space and no control characters")
    said = said[0].lower() + said[1:]
    return TypeError(f"{where}: {said}") if "got `" in said else ValueError(f"{where}: {said}")


def _in_utc(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, DateRange):
        return DateRange(after=_in_utc(value.after), before=_in_utc(value.before))
    return value


def _kind(id: str, type: str | None, fields: Mapping[str, Any]) -> str | None:
    told = type_of_id(id)
    if type is not None and told is not None and type != told:
        raise ValueError(f"type={type!r} contradicts the id {id!r}, which is of type {told!r}: leave type= out")
    kind = type if type is not None else told
    special = [name for name in fields if any(name in names for names in UPDATE_FIELDS_OF.values())]
    if not special:
        return type
    if kind is None:
        raise ValueError(f"{special[0]} belongs to one type of work, and {id!r} does not tell which: pass type=")
    _refuse_foreign(kind, fields, UPDATE_FIELDS_OF)
    return kind


def _refuse_foreign(kind: str, fields: Mapping[str, Any], table: Mapping[str, frozenset[str]]) -> None:
    own = table.get(kind, frozenset[str]())
    for name in fields:
        owners = [other for other, names in table.items() if name in names]
        if owners and name not in own:
            raise ValueError(f"{name} is a field of type {' or '.join(owners)}, not of {kind!r}: leave it out")


def _list_update(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, ListUpdate):
        parts = {"add": value.add, "remove": value.remove, "set": value.set}
    else:
        parts = {"set": value}
    given = {key: list(part) for key, part in parts.items() if part is not UNSET}
    if not given:
        raise ValueError(f"{name}: ListUpdate() is empty; give add=, remove= or set=")
    shape: Callable[[Any], Any] = _tag if name == "tags" else _artifact
    if name == "artifacts" and any(len(part) > 50 for part in given.values()):
        raise ValueError("artifacts: expected `array` of length <= 50")
    body = {key: [shape(item) for item in part] for key, part in given.items()}
    if name == "tags" and any("value" in tag for tag in body.get("remove", ())):
        raise ValueError("tags: remove takes ids only, no values")
    return body


def _tag(tag: Any) -> dict[str, Any]:
    if isinstance(tag, str):
        return {"id": check_id(tag, "tags")}
    body = tag if is_object(tag) else msgspec.to_builtins(tag)
    if "id" not in body:
        raise ValueError("tags: a tag is an id or {'id': ..., 'value': ...}")
    check_id(body["id"], "tags")
    return body


def _artifact(artifact: Any) -> str:
    return check_id(artifact, "artifacts")


def _with_schema(body: dict[str, Any]) -> dict[str, Any]:
    """Name the tenant's schema where the fields are the tenant's and the user named none: the API demands a name."""
    named = "custom_schema_spec" in body or "custom_schema_fragments" in body
    if not named and any(key.startswith("tnt__") for key in body.get("custom_fields") or ()):
        body["custom_schema_spec"] = {"tenant_fragment": True}
    return body


def _sort_by(value: Any) -> list[str]:
    if isinstance(value, str):
        raise TypeError("sort_by takes a sequence, as in ['created_date:asc']")
    keys = list(value)
    for key in keys:
        if not isinstance(key, str) or not _SORT.match(key):
            raise ValueError(f"sort_by takes 'field:asc' or 'field:desc', not {key!r}")
    return keys


def _check_range(name: str, value: object, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} takes an int, not {type(value).__name__}")
    if not 1 <= value <= most:
        raise ValueError(f"{name} takes 1 to {most}, not {value}")
