"""Turns query strings into bodies: GET takes the same fields as POST, with dots in the names of nested ones."""

from collections.abc import Iterable
from typing import Any

import msgspec

from . import api_errors
from .shapes import Boolean, FreeForm, Integer, ListOf, Nullable, Record, Shape, leaves


def body_from(pairs: Iterable[tuple[str, str]], shape: Record) -> dict[str, Any]:
    """Returns the body that a query string stands for. Only what a string cannot express is checked against `shape`.

    Arrays come as repeated keys, as ``a,b``, or as ``"a","b"`` (what the official TypeScript SDK sends).

    Raises:
        ApiError: 400 invalid_field for a name that GET lacks, unexpected_json_type for "x" as a number.
    """
    known = leaves(shape)
    body: dict[str, Any] = {}
    for name, text in pairs:
        free = name.partition(".")
        if isinstance(known.get(free[0]), FreeForm):
            _put_free(body.setdefault(free[0], {}), free[0], free[2], text)
            continue
        inner = known.get(name)
        if inner is None:
            raise api_errors.invalid_field(name)
        *path, last = name.split(".")
        target = body
        for key in path:
            target = target.setdefault(key, {})
        if isinstance(inner, ListOf):
            target.setdefault(last, []).extend(_scalar(inner.item, item, name) for item in split(text))
        else:
            target[last] = _scalar(inner, _unquoted(text), name)
    return {key: [value] if _is_object_of_array(shape.fields[key], value) else value for key, value in body.items()}


def split(text: str) -> list[str]:
    """Splits one value into the items of an array. Quotes keep commas; ``""`` within quotes is nothing special."""
    if text.startswith('"') and text.endswith('"') and len(text) > 1:
        return text[1:-1].split('","')
    return text.split(",")


def _is_object_of_array(shape: Shape, value: object) -> bool:
    return isinstance(shape, ListOf) and isinstance(value, dict)


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _scalar(shape: Shape, text: str, name: str) -> object:
    match shape:
        case Nullable(inner):
            return _scalar(inner, text, name)
        case Boolean():
            if text not in ("true", "false"):
                raise api_errors.wrong_json_type(name, "bool", text)
            return text == "true"
        case Integer():
            digits = text.removeprefix("-")
            if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
                raise api_errors.wrong_json_type(name, "number", text)
            return int(text)
        case _:
            return text


def _put_free(target: dict[str, Any], name: str, key: str, text: str) -> None:
    """``custom_fields.tnt__x=a`` or ``custom_fields={"tnt__x":["a"]}``: the API does not say which."""
    if key:
        target.setdefault(key, []).extend(split(text))
        return
    try:
        value = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError):
        value = text
    if not isinstance(value, dict):
        raise api_errors.wrong_json_type(name, "object", value)
    target |= value
