"""The state file of `works.sync`: readable JSON, checked in whole before anything of it is used. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, cast
from zlib import crc32

import msgspec

from devrev_async.errors import SyncStateError

from .checkpoint import decode
from .pending import MOST_RUNS
from .query import differences, words_of
from .run import Start

__all__ = [
    "FORMAT",
    "VERSION",
    "State",
    "check_clock",
    "check_organisation",
    "check_origin",
    "check_query",
    "parse",
    "render",
]

FORMAT: Final = "devrev-async sync state"
VERSION: Final = 1
_TOLERANCE: Final = timedelta(seconds=5)
"""By how much the clocks of a server's machines may differ."""

_ANEW: Final = "restore the file from a backup, or start anew with full_refresh=True (--full-refresh)"


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Where the next run goes on.

    Attributes:
        query: the filters, as the wire has them.
        origin: the server that was asked.
        organisation: that the works belong to, as in ``"devo/0aB"``; None where their ids do not say.
        until: works modified up to this time were written, in RFC 3339.
        run: the number of the last run that wrote a file; 0 if none did.
        file: its name.
        refresh: the number of a full refresh that has begun to replace files, and is to be done again if it is here.
        checkpoint: for `changes`.
    """

    format: str = FORMAT
    version: int = VERSION
    query: dict[str, Any]
    origin: str
    organisation: str | None
    until: str
    run: int
    file: str | None
    refresh: int | None = None
    checkpoint: str

    def start(self) -> Start:
        """Where `changes` goes on."""
        return decode(self.checkpoint, words_of(self.query))


def render(state: State) -> bytes:
    """The file's content; its first bytes say what it is."""
    values = msgspec.to_builtins(state)
    return json.dumps(values | {"check": _check(values)}, indent=1, ensure_ascii=False).encode() + b"\n"


def check_origin(state: State, path: str, origin: str) -> None:
    """Refuses a state of another server.

    Raises:
        SyncStateError: it is one.
    """
    if state.origin != origin:
        raise SyncStateError(
            f"{path}: the state is of {state.origin}, and this run asks {origin}",
            path=path,
            hint="use another state and folder for each server and organisation",
        )


def check_organisation(state: State, path: str, organisation: str | None) -> None:
    """Refuses a state of another organisation, where both are known.

    Raises:
        SyncStateError: it is one.
    """
    if None not in (organisation, state.organisation) and organisation != state.organisation:
        raise SyncStateError(
            f"{path}: the state is of organisation {state.organisation}, and this token sees {organisation}",
            path=path,
            hint="use another state and folder for each organisation",
        )


def check_clock(state: State, path: str, now: datetime | None) -> None:
    """Refuses a state that is later than the server's clock.

    Raises:
        SyncStateError: it is.
    """
    if now is not None and datetime.fromisoformat(state.until) - now > _TOLERANCE:
        raise SyncStateError(
            f"{path}: the state is of {state.until}, and the server's clock says {now.isoformat()}",
            path=path,
            hint="if the server's clock was put right, start anew with full_refresh=True (--full-refresh)",
        )


def check_query(state: State, path: str, query: Mapping[str, Any]) -> None:
    """Refuses a state of another query.

    Raises:
        SyncStateError: it is one; it says both.
    """
    if different := differences(words_of(state.query), words_of(query)):
        raise SyncStateError(
            f"{path}: the state is of another query: {'; '.join(different)}",
            path=path,
            hint="pass the same filters, use another state and folder, "
            "or start anew with full_refresh=True (--full-refresh)",
        )


def parse(content: bytes, path: str) -> State:
    """The state that a file holds.

    Args:
        content: of the file.
        path: of the file, for errors.

    Raises:
        SyncStateError: it is empty, cut short, altered, no state at all, or of a newer version.
    """
    if not content.strip():
        raise SyncStateError(f"{path}: the state file is empty", path=path, hint=_ANEW)
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        raise SyncStateError(f"{path}: the state file is cut short or damaged", path=path, hint=_ANEW) from None
    if not isinstance(values, dict) or cast("dict[str, Any]", values).get("format") != FORMAT:
        raise SyncStateError(
            f"{path}: this is no state of works.sync", path=path, hint="pass the path of a state, or of no file yet"
        )
    fields = cast("dict[str, Any]", values)
    version = fields.get("version")
    if isinstance(version, int) and version > VERSION:
        raise SyncStateError(
            f"{path}: the state is of version {version}, and this release knows versions up to {VERSION}",
            path=path,
            hint="use the release that wrote it, or a newer one",
        )
    check = fields.pop("check", None)
    try:
        state = msgspec.convert(fields, State)
        state.start()
        whole = check == _check(fields) and _is_possible(state)
    except (msgspec.ValidationError, ValueError, RecursionError):
        raise SyncStateError(f"{path}: the state file is damaged", path=path, hint=_ANEW) from None
    if not whole:
        raise SyncStateError(f"{path}: the state file is damaged or was altered", path=path, hint=_ANEW)
    return state


def _is_possible(state: State) -> bool:
    """Whether a run can have written it; raises ValueError where `until` is no time."""
    numbers = [state.run, 0 if state.refresh is None else state.refresh]
    until = datetime.fromisoformat(state.until)
    whole = state.version == VERSION and until.tzinfo is not None
    return whole and all(0 <= each <= MOST_RUNS for each in numbers)


def _check(values: Mapping[str, Any]) -> str:
    return f"{crc32(json.dumps(values, sort_keys=True).encode()):08x}"
