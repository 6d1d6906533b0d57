"""From the filter options to the filters of a query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from devrev_async import DateRange
from devrev_async.models import Filters

from .codes import UsageError
from .values import NOT_JSON, as_json, as_time, split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .options import StatelessFilterOptions

__all__ = ["parse_filters"]

_LISTS: Final = {
    "type": "type",
    "state": "state",
    "stage": "stage",
    "owned_by": "owned_by",
    "created_by": "created_by",
    "modified_by": "modified_by",
    "reported_by": "reported_by",
    "applies_to_part": "applies_to_part",
    "tag": "tags",
    "external_ref": "external_ref",
}
_DATES: Final = {
    "created": "created_date",
    "modified": "modified_date",
    "closed": "actual_close_date",
    "due": "target_close_date",
}
_OF_ONE_TYPE: Final = (("priority", "issue"), ("severity", "ticket"))


def parse_filters(options: StatelessFilterOptions) -> Filters:
    """The keyword arguments of a query.

    Raises:
        UsageError: a time that is none, an unknown filter, a filter that is given in two ways.
    """
    filters: dict[str, Any] = {}
    for option, name in _LISTS.items():
        values: list[str] | None = getattr(options, option, None)
        if values:
            filters[name] = values
    for option, name in _DATES.items():
        bounds = _range(option, getattr(options, f"{option}_after"), getattr(options, f"{option}_before"))
        if bounds is not None:
            filters[name] = bounds
    for option, type_ in _OF_ONE_TYPE:
        if values := getattr(options, option):
            filters[type_] = {option: values}
    if options.custom_field:
        filters["custom_fields"] = _custom_fields(options.custom_field)
    for text in options.filter or ():
        _add_filter(filters, text)
    return cast("Filters", filters)


def _range(option: str, after: str | None, before: str | None) -> DateRange | None:
    if after is None and before is None:
        return None
    start = None if after is None else as_time(after, f"--{option}-after")
    end = None if before is None else as_time(before, f"--{option}-before")
    if start is not None and end is not None and start > end:
        raise UsageError(f"--{option}-after is later than --{option}-before")
    return DateRange(after=start, before=end)


def _custom_fields(texts: Sequence[str]) -> dict[str, list[Any]]:
    wanted: dict[str, list[Any]] = {}
    for text in texts:
        name, value = split(text, "--custom-field")
        parsed = as_json(value)
        wanted.setdefault(name, []).append(value if parsed is NOT_JSON else parsed)
    return wanted


def _add_filter(filters: dict[str, Any], text: str) -> None:
    name, value = split(text, "--filter")
    if name not in Filters.__annotations__:
        raise UsageError(f"--filter: no such filter {name!r}; there are {', '.join(sorted(Filters.__annotations__))}")
    parsed = as_json(value)
    if parsed is NOT_JSON:
        raise UsageError(f"--filter {name} takes JSON, not {value!r}")
    if name in filters:
        raise UsageError(f"--filter {name} repeats a filter that is given already")
    filters[name] = parsed
