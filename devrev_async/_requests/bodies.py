"""Keyword arguments to the JSON body of a request: checked, and nothing is lost. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from devrev_async.errors import InvalidArgumentError, did_you_mean, shown
from devrev_async.models.base import is_array, is_object
from devrev_async.models.filters import Filters, StageFilter
from devrev_async.models.ids import Id, check_id, is_plain, type_of_id
from devrev_async.models.updates import (
    CREATE_FIELDS_OF,
    MAX_ARTIFACTS,
    UPDATE_FIELDS_OF,
    CreateFields,
    ListUpdate,
    Owners,
    StageUpdate,
    Title,
    UpdateFields,
    WorkUpdate,
)

from .convert import converted, plain

__all__ = [
    "MAX_FIRST",
    "any_body",
    "check_id",
    "create_body",
    "encode_any",
    "encode_body",
    "fields_of",
    "query_body",
    "type_of_id",
    "update_body",
    "update_content",
]

MAX_FIRST: Final = 5000
"""The most works in one response of `works.export`, and the default of `first` (the API's own default is 50)."""

MAX_LIMIT: Final = 2**31 - 1
"""`limit` of `works.list` is an int32; no smaller maximum is documented."""

_SORT: Final = re.compile(r"\A[A-Za-z_][A-Za-z0-9_.]*:(asc|desc)\Z")
_SET_LISTS: Final = ("owned_by", "reported_by", "developed_with", "channels", "contacts")
_LIST_UPDATES: Final = ("artifacts", "tags")
"""The lists of an update that the API can add to and remove from."""

_SIZES: Final = {
    ("export", "limit"): "; did you mean 'first'?",
    ("export_stream", "limit"): "; did you mean 'first'?",
    ("export_all", "limit"): "; it yields all works: leave its loop early, or call export(first=...)",
    ("export_all", "first"): "; it yields all works: leave its loop early, or call export(first=...)",
    ("export_to", "limit"): "; it writes all works",
    ("export_to", "first"): "; it writes all works",
    ("list", "first"): "; did you mean 'limit', the size of a page, or 'max_items'?",
}
"""The bound that one call has and another names otherwise."""

_OF_OTHER_CALLS: Final = frozenset(
    {"cursor", "extra_body", "first", "limit", "max_items", "max_retries", "mode", "resume", "sort_by", "timeout"}
)
"""Arguments that some calls have, and that are no misspelt filter of those that have not."""

_is_surrogate: Final = re.compile("[\ud800-\udfff]").search
_encode: Final = msgspec.json.Encoder().encode


def encode_body(body: Mapping[str, Any], extra: Mapping[str, Any] | UnsetType | None) -> bytes:
    """Encodes a body as JSON, with the keys of `extra_body` added."""
    if extra is not None and extra is not UNSET:
        more = plain(extra, "extra_body")
        if not is_object(more):
            raise TypeError(f"extra_body takes a mapping, not {type(extra).__name__}")
        both = sorted(more.keys() & body.keys())
        if both:
            raise InvalidArgumentError(f"extra_body repeats what is given already: {', '.join(both)}")
        body = {**body, **more}
    try:
        return _encode(body)
    except UnicodeEncodeError:
        where = _find_surrogate(body, "") or "the body"
        raise InvalidArgumentError(f"{where}: lone surrogate: cannot be encoded as UTF-8") from None
    except ValueError:
        where = next((name for name, value in body.items() if not _has_writable_integers(value)), "the body")
        raise InvalidArgumentError(f"{where}: an integer has more digits than Python writes") from None


def _has_writable_integers(value: Any) -> bool:
    try:
        _encode(value)
    except ValueError:
        return False
    return True


def _find_surrogate(value: Any, path: str) -> str | None:
    """The path of the first string, or key, that UTF-8 cannot encode."""
    if isinstance(value, str):
        return path if _is_surrogate(value) else None
    inner: Iterable[tuple[str, Any]] = ()
    if is_object(value):
        odd = next((key for key in value if _is_surrogate(key)), None)
        if odd is not None:
            return f"{path}.{odd!a}".lstrip(".")
        inner = ((f"{path}.{key}".lstrip("."), item) for key, item in value.items())
    elif is_array(value):
        inner = ((f"{path}[{index}]", item) for index, item in enumerate(value))
    return next((found for where, item in inner if (found := _find_surrogate(item, where)) is not None), None)


def any_body(body: Mapping[str, Any] | msgspec.Struct | None) -> Mapping[str, Any]:
    """The body of any endpoint, empty for None.

    Raises:
        InvalidArgumentError, TypeError: a value is not JSON serializable.
    """
    checked = plain({} if body is None else body, "body")
    if not is_object(checked):
        raise TypeError(f"body takes a mapping or a Struct, not {type(body).__name__}")
    return checked


def encode_any(body: Mapping[str, Any] | msgspec.Struct | None) -> bytes:
    """The body of any endpoint as JSON, ``{}`` for None."""
    return encode_body(any_body(body), None)


def query_body(fields: Mapping[str, Any], options: Mapping[str, Any], *, method: str) -> dict[str, Any]:
    """The body of export, list and count: the filters as the wire has them, then `first`, `sort_by` and the like."""
    body = _checked(fields, Filters, method, none="None is not a filter; leave it out")
    stage = body.get("stage")
    if isinstance(stage, list):
        body["stage"] = StageFilter(name=stage)  # pyright: ignore[reportUnknownArgumentType]
    given = {key: MAX_FIRST if key == "first" and value is UNSET else value for key, value in options.items()}
    body |= {key: plain(value, key) for key, value in given.items() if value is not None and value is not UNSET}
    if "sort_by" in body:
        body["sort_by"] = _sort_by(body["sort_by"])
    for key, most in (("first", MAX_FIRST), ("limit", MAX_LIMIT)):
        if key in body:
            _check_range(key, body[key], most)
    return body


def update_body(
    id: str, type: str | UnsetType | None, fields: Mapping[str, Any], *, method: str = "update"
) -> dict[str, Any]:
    """The body of `works.update`, with the `type` that its type-specific fields need."""
    checked_id = str.__str__(id) if isinstance(id, str) and is_plain(id) else check_id(id)
    checked = _checked(fields, UpdateFields, method, none="the API cannot clear this field; leave it out")
    kind = _kind(id, type, checked)
    if kind == "opportunity" and checked.get("account", UNSET) is None:
        raise InvalidArgumentError("account=None: the API cannot clear the account of an opportunity")
    body: dict[str, Any] = {"id": checked_id} if kind is None else {"id": checked_id, "type": kind}
    body.update(checked)
    for key in _SET_LISTS:
        if key in body:
            body[key] = {"set": body[key]}
    for key in _LIST_UPDATES:
        if key in body:
            body[key] = _list_update(key, body[key])
    if "stage" in body:
        body["stage"] = _stage(body["stage"], id_key="stage")
    return _with_schema(body)


def update_content(
    id: str,
    type: str | UnsetType | None,
    fields: Mapping[str, Any],
    extra: Mapping[str, Any] | None,
    *,
    method: str = "update",
) -> bytes:
    """`update_body` as JSON, with the keys of `extra_body` added."""
    return encode_body(update_body(id, type, fields, method=method), extra)


def create_body(required: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """The body of `works.create`; lists are bare there."""
    none = "a create has no field to clear; leave it out"
    missing = [name for name, value in required.items() if value is UNSET]
    if missing:
        raise TypeError(f"create() needs {missing[0]}=")
    _refuse_list_updates(required, ())
    body = converted(required, _RequiredOfCreate, none=none)
    kind = _check_type(body["type"])
    more = _checked(fields, CreateFields, "create", none=none)
    _refuse_foreign(kind, more, CREATE_FIELDS_OF)
    if kind == "opportunity" and "account" not in more:
        raise InvalidArgumentError("account: an opportunity needs one; pass account=")
    body.update(more)
    if "tags" in body:
        body["tags"] = [_tag(tag) for tag in body["tags"]]
    if "stage" in body:
        body["stage"] = _stage(body["stage"], id_key="id")
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


def _checked(fields: Mapping[str, Any], model: Any, method: str, *, none: str) -> dict[str, Any]:
    known: Mapping[str, Any] = model.__annotations__
    for name in fields:
        if name not in known:
            advice = _SIZES.get((method, name), "" if name in _OF_OTHER_CALLS else did_you_mean(name, known))
            raise TypeError(f"{method}() got an unexpected keyword argument {name!r}{advice}")
    _refuse_list_updates(fields, _LIST_UPDATES if model is UpdateFields else ())
    return converted({name: value for name, value in fields.items() if value is not UNSET}, model, none=none)


def _refuse_list_updates(fields: Mapping[str, Any], allowed: Collection[str]) -> None:
    for name, value in fields.items():
        if isinstance(value, ListUpdate) and name not in allowed:
            raise TypeError(f"{name} takes no ListUpdate: the API can only set it as a whole; pass a sequence")


def _check_type(type: object) -> str:
    if not isinstance(type, str):
        raise TypeError(f"type takes a str, as in 'issue', not {type.__class__.__name__}")
    if not type or type == "none":  # "none" is in the spec's discriminator, and no type of work
        raise InvalidArgumentError(
            f"type={shown(type)} is not a type of work: pass 'issue', 'ticket', 'task' or 'opportunity'"
        )
    return str.__str__(type)  # a plain str, whatever subclass it was


def _kind(id: str, type: str | UnsetType | None, fields: Mapping[str, Any]) -> str | None:
    given = None if type is None or type is UNSET else _check_type(type)
    special = [name for name in fields if any(name in names for names in UPDATE_FIELDS_OF.values())]
    if given is None and not special:
        return None
    of_id = type_of_id(id)
    if given is not None and of_id is not None and given != of_id:
        raise InvalidArgumentError(
            f"type={shown(given)} contradicts the id {shown(id)}, which is of type {of_id!r}: leave type= out"
        )
    kind = of_id if given is None else given
    if not special:
        return given
    if kind is None:
        raise InvalidArgumentError(
            f"{special[0]} is a field of {_owners(special[0], UPDATE_FIELDS_OF)}, and the id {shown(id)} does not show "
            "its type: pass type="
        )
    _refuse_foreign(kind, fields, UPDATE_FIELDS_OF)
    return kind


def _refuse_foreign(kind: str, fields: Mapping[str, Any], table: Mapping[str, frozenset[str]]) -> None:
    own = table.get(kind, frozenset[str]())
    for name in fields:
        owners = _owners(name, table)
        if owners and name not in own:
            raise InvalidArgumentError(f"{name} is a field of {owners}, and not of type {shown(kind)}: leave it out")


def _owners(name: str, table: Mapping[str, frozenset[str]]) -> str:
    return " or ".join(f"type {kind!r}" for kind, names in table.items() if name in names)


def _list_update(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, ListUpdate):
        parts = {"add": value.add, "remove": value.remove, "set": value.set}
    else:
        parts = {"set": value}
    given = {key: list(part) for key, part in parts.items() if part is not UNSET}
    if not given:
        raise InvalidArgumentError(f"{name}: ListUpdate() is empty; give add=, remove= or set=")
    shape: Callable[[Any], Any] = _tag if name == "tags" else _artifact
    if name == "artifacts" and any(len(part) > MAX_ARTIFACTS for part in given.values()):
        raise InvalidArgumentError(f"artifacts: expected a sequence of length <= {MAX_ARTIFACTS}")
    body = {key: [shape(item) for item in part] for key, part in given.items()}
    if name == "tags" and any("value" in tag for tag in body.get("remove", ())):
        raise InvalidArgumentError("tags: remove takes ids only, no values")
    return body


def _tag(tag: Any) -> dict[str, Any]:
    if isinstance(tag, str):
        return {"id": check_id(tag, "tags")}
    body = tag if is_object(tag) else msgspec.to_builtins(tag)
    check_id(body["id"], "tags")
    return body


def _artifact(artifact: Any) -> str:
    if not isinstance(artifact, str):
        raise TypeError("artifacts takes ids, and no values")
    return check_id(artifact, "artifacts")


def _stage(stage: str | StageUpdate, *, id_key: str) -> dict[str, str]:
    if isinstance(stage, str):
        return {"name": stage}
    body: dict[str, str] = {}
    if stage.name is not UNSET:
        body["name"] = stage.name
    if stage.stage is not UNSET:
        body[id_key] = check_id(stage.stage, "stage")
    if not body:
        raise InvalidArgumentError("stage: StageUpdate() is empty; give name= or stage=")
    return body


def _with_schema(body: dict[str, Any]) -> dict[str, Any]:
    """Names the tenant's schema where the fields are the tenant's and no schema is named: the API demands one."""
    named = "custom_schema_spec" in body or "custom_schema_fragments" in body
    if not named and any(key.startswith("tnt__") for key in body.get("custom_fields") or ()):
        body["custom_schema_spec"] = {"tenant_fragment": True}
    return body


def _sort_by(value: Any) -> list[str]:
    if not is_array(value):
        raise TypeError(f"sort_by takes a sequence, as in ['created_date:asc'], not {type(value).__name__}")
    keys = list(value)
    for key in keys:
        if not isinstance(key, str) or not _SORT.match(key):
            raise InvalidArgumentError(f"sort_by takes 'field:asc' or 'field:desc', not {shown(key)}")
    return keys


def _check_range(name: str, value: object, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} takes an int, not {type(value).__name__}")
    if not 1 <= value <= most:
        raise InvalidArgumentError(f"{name} takes 1 to {most}, not {shown(value)}")
