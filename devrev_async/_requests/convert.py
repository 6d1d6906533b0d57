"""Users' values to JSON's own types, checked; what is not JSON serializable is named by its path. Pure."""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from numbers import Integral, Rational, Real
from types import UnionType
from typing import Any, Final, TypeGuard, Union, get_args, get_type_hints, is_typeddict

import msgspec

from devrev_async._json.msgspec_errors import breaks_pattern, located, mismatch
from devrev_async.errors import InvalidArgumentError
from devrev_async.models.filters import DateRange, LastDays, NextDays, check_aware

_EXACT: Final = frozenset({str, int, bool, type(None)})
_TEXT: Final = (str, bytes, bytearray, memoryview)


def plain(value: object, where: str) -> Any:
    """Converts a value to dicts with str keys, lists, str, int, float, bool, None, and datetimes in UTC.

    It accepts mappings, sets and other collections, enums, subclasses, numbers of other libraries, Structs and
    dataclasses, and leaves out `UNSET` in a mapping.

    Args:
        value: what the user passed.
        where: the argument's name, for errors.

    Raises:
        TypeError: a value is not JSON serializable; iterators are not.
        InvalidArgumentError: NaN and infinities (they would arrive as null and clear a field), naive datetimes, cycles.
    """
    try:
        return _plain(value, where)
    except RecursionError:
        raise InvalidArgumentError(f"{where}: nested too deeply") from None


def _plain(value: Any, where: str) -> Any:
    if value.__class__ in _EXACT:
        return value
    if isinstance(value, enum.Enum):
        return _plain(value.value, where)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _not_finite(value, where)
        return float(value)
    if isinstance(value, datetime):
        return _in_utc(value, where)
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise _not_finite(value, where)
        return str(value)
    if _is_mapping(value):
        return _plain_mapping(value, where)
    if _is_collection(value):
        return [_plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    return _plain_other(value, where)


def _not_finite(value: float | Decimal, where: str) -> InvalidArgumentError:
    return InvalidArgumentError(f"{where}: {value} is not JSON serializable")


def _is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, Mapping)


def _is_collection(value: object) -> TypeGuard[Collection[Any]]:
    return isinstance(value, Collection) and not isinstance(value, _TEXT)


def _plain_mapping(value: Mapping[Any, Any], where: str) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for key, item in value.items():
        name: Any = _plain(key, where)
        if not isinstance(name, str):
            raise TypeError(f"{where}: keys are str in JSON, not {type(key).__name__}")
        if item is not msgspec.UNSET:
            entries[name] = _plain(item, f"{where}.{name}")
    return entries


def _plain_other(value: object, where: str) -> Any:
    refused = TypeError(f"{where}: a {type(value).__name__} is not JSON serializable")
    if isinstance(value, _TEXT) or value is msgspec.UNSET:
        raise refused

    if isinstance(value, Integral):  # numpy's
        return int(value)
    if isinstance(value, Real) and not isinstance(value, Rational):
        return _plain(float(value), where)

    def inside(inner: object) -> Any:
        if inner is value:  # msgspec cannot serialize it either
            raise refused
        return _plain(inner, where)

    return _plain(msgspec.to_builtins(value, builtin_types=(datetime, Decimal), enc_hook=inside), where)


def _in_utc(value: datetime, where: str) -> datetime:
    check_aware(where, value)
    try:
        utc = value.astimezone(UTC)
    except OverflowError:
        raise InvalidArgumentError(f"{where}: {value} is out of range in UTC") from None
    return datetime.combine(utc.date(), utc.time(), UTC)  # a plain datetime, whatever subclass it was


def converted(given: Mapping[str, Any], model: Any, *, none: str) -> dict[str, Any]:
    """Converts arguments to `model`, a TypedDict or Struct.

    Args:
        given: arguments by name.
        model: their types and bounds.
        none: the error's text for a None where the model has none.

    Raises:
        TypeError, InvalidArgumentError: the message names the argument, and the bound where there is one.
    """
    values = {name: plain(value, name) for name, value in given.items()}
    try:
        checked = msgspec.convert(values, model)
    except msgspec.ValidationError as error:
        raise _argument_error(str(error), none, given, model) from None
    except UnicodeEncodeError as error:  # a str where no str is right
        names = [name for name, value in values.items() if value == error.object]
        raise InvalidArgumentError(f"{', '.join(names or given)}: lone surrogate: cannot be encoded as UTF-8") from None
    except SystemError:  # pragma: no cover - msgspec before 0.20, of an int too large for a float
        raise InvalidArgumentError(f"{', '.join(given)}: number out of range") from None
    return checked if isinstance(checked, dict) else msgspec.structs.asdict(checked)  # pyright: ignore[reportUnknownVariableType]


_NAMES: Final = {
    "array": "a sequence",
    "bool": "a bool",
    "datetime": "a datetime",
    "float": "a float",
    "int": "an int",
    "null": "None",
    "object": "a mapping",
    "str": "a str",
}
_STEP: Final = re.compile(r"(\w+)|\[(\d+)\]")
_OF_JSON: Final = (str, int, float, Mapping, Collection, datetime, enum.Enum)
_UNIONS: Final = (UnionType, type(Union[int, str]))  # noqa: UP007 - the class of one with forward references
_QUOTED: Final = re.compile(r"`(\w+)`")


def _argument_error(said: str, none: str, given: Mapping[str, Any], model: Any) -> Exception:
    problem, path = located(said)
    where = path or "arguments"
    types = mismatch(problem)
    value = _value_at(given, path)
    structs = _structs_at(model, path)
    if types is not None:
        if types.found == "null":
            return InvalidArgumentError(f"{where}=None: {none}")
        names = {**_NAMES, "object": structs} if structs else _NAMES
        takes = f"{where} takes {' or '.join(names.get(kind, kind) for kind in types.expected)}"
        if isinstance(value, msgspec.Struct) and "str" in types.expected and hasattr(value, "id"):
            return TypeError(f"{takes}, not {type(value).__name__}: pass its id")
        return TypeError(f"{takes}, not {_article(value) or _NAMES.get(types.found, types.found)}")
    if isinstance(value, date | time | timedelta) and not isinstance(value, datetime):
        return TypeError(f"{where} takes an aware datetime, not {_article(value)}")
    if breaks_pattern(problem):
        return InvalidArgumentError(
            f"{where}: an id has no white space, no control characters and, unless a DON, no slash"
        )
    problem = _QUOTED.sub(lambda quoted: _NAMES.get(quoted[1], quoted[0]), problem)
    kind = f"{_article(value)} does not fit: " if isinstance(value, msgspec.Struct) else ""
    instead = f"; pass {structs}" if structs and isinstance(value, Mapping) else ""
    return InvalidArgumentError(f"{where}: {kind}{problem[0].lower()}{problem[1:]}{instead}")


def _value_at(given: Any, path: str) -> Any:
    """What the user passed at a path as in ``owned_by[0]``; None where it cannot be told."""
    value: Any = given
    for key, index in _STEP.findall(path):
        try:
            value = value[int(index)] if index else value[key]
        except (LookupError, TypeError):
            return None
    return value


def _structs_at(model: Any, path: str) -> str:
    """The public Structs that a model takes at a path, as ``a DateRange, LastDays or NextDays``; else empty."""
    types = [model]
    for key, index in _STEP.findall(path):
        inner = [type_ for outer in types for type_ in (get_args(outer)[:1] if index else _types_of_field(outer, key))]
        types = [member for type_ in inner for member in (get_args(type_) if isinstance(type_, _UNIONS) else (type_,))]
    if DateRange in types:  # presets are one private Struct to msgspec
        types += [LastDays, NextDays]
    names = [type_.__name__ for type_ in types if _is_struct(type_) and not type_.__name__.startswith("_")]
    if not names:
        return ""
    return f"{'an' if names[0][0] in 'AEIOU' else 'a'} {' or '.join(filter(None, (', '.join(names[:-1]), names[-1])))}"


def _types_of_field(model: Any, name: str) -> list[Any]:
    hints = get_type_hints(model) if _is_struct(model) or is_typeddict(model) else {}
    return [hints[name]] if name in hints else []


def _is_struct(type_: Any) -> bool:
    return isinstance(type_, type) and issubclass(type_, msgspec.Struct)


def _article(value: object) -> str:
    """The type of a value that is none of JSON's own, as ``a Decimal``; else empty."""
    return "" if value is None or isinstance(value, _OF_JSON) else f"a {type(value).__name__}"
