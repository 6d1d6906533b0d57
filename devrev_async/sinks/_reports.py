"""Reports of exports that go on from earlier ones. Pure."""

from __future__ import annotations

from typing import Any, cast

from msgspec import structs

from devrev_async.reports import ExportReport

__all__ = ["combined", "copy_into"]


def combined(earlier: ExportReport, now: ExportReport) -> ExportReport:
    """One report of both: counts and times add up; whether it is complete is said by the later one."""
    report = ExportReport(**{name: _added(getattr(earlier, name), getattr(now, name)) for name in _FIELDS})
    report.restarted = earlier.restarted or now.restarted
    report.expected = None if now.expected is None else earlier.works + now.expected
    return report


def _added(earlier: Any, now: Any) -> Any:
    if isinstance(now, bool):
        return now
    if isinstance(now, int | float) and isinstance(earlier, int | float):
        return earlier + now
    if isinstance(now, dict):
        counts, more = cast("dict[str, int]", earlier), cast("dict[str, int]", now)
        return {key: counts.get(key, 0) + more.get(key, 0) for key in {**counts, **more}}
    return now


def copy_into(report: ExportReport, other: ExportReport) -> None:
    """Gives a report the values of another one."""
    for name in _FIELDS:
        setattr(report, name, getattr(other, name))


_FIELDS = tuple(field.name for field in structs.fields(ExportReport))
