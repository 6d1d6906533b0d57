"""A checkpoint says all that a ledger knows, and is refused in any altered form; one that was forged is read or refused."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta, timezone
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devrev_async.errors import InvalidArgumentError
from devrev_async.export.checkpoint import Ledger
from devrev_async.export.planner.intervals import EARLIEST, LATEST, SECOND, UNDATED, Domain, Interval
from devrev_async.export.planner.planner import Plan
from devrev_async.export.planner.server import ServerFindings
from tests.damage import damaged
from tests.effort import examples

_SECONDS = st.one_of(st.integers(EARLIEST, LATEST), st.sampled_from([EARLIEST, LATEST, UNDATED, UNDATED + 1, 0]))
_ZONES = st.sampled_from([UTC, timezone(timedelta(hours=-11)), timezone(timedelta(hours=5, minutes=45))])
_BOUNDS = st.none() | st.datetimes(timezones=_ZONES)


@st.composite
def _ledgers(draw: st.DrawFn) -> Ledger:
    """One with intervals that do not touch, as a plan leaves them, some of them begun."""
    ends = sorted(draw(st.sets(_SECONDS, max_size=8)))
    ledger = Ledger("f", Domain(draw(_BOUNDS), draw(_BOUNDS)))
    left: list[Interval] = []
    for low, high in zip(ends[::2], ends[1::2], strict=False):
        past = draw(st.none() | st.tuples(st.integers(low * SECOND, low * SECOND + SECOND - 1), st.text(max_size=5)))
        below, above = draw(st.none() | st.integers(1, 10**9)), draw(st.none() | st.integers(0, 10**9))
        seen = (None if below is None else low - below, None if above is None else high + above)
        left.append(Interval(low, high, past, seen_below=seen[0], seen_above=seen[1]))
    ledger.open, ledger.works = left, draw(st.integers(0, 10**9))
    ledger.found = ServerFindings(draw(st.booleans()), draw(st.booleans()), draw(st.integers(0, 5000)))
    return ledger


def _said(ledger: Ledger) -> tuple[object, ...]:
    domain = ledger.domain
    return ledger.filters, domain.after, domain.before, ledger.works, ledger.found, ledger.open


@settings(max_examples=examples(200))
@given(_ledgers())
def test_it_says_all_that_the_ledger_knows(ledger: Ledger) -> None:
    assert _said(Ledger.resumed(ledger.checkpoint(), "f")) == _said(ledger)


def _whole() -> Ledger:
    ledger = Ledger("f", Domain(datetime(2024, 1, 1, tzinfo=UTC), None))
    ledger.open = [
        Interval(UNDATED, UNDATED + 1),
        Interval(1_700_000_000, 1_700_000_060, (1_700_000_000_250_000, "don:1"), seen_above=1_700_000_100),
        Interval(1_700_100_000, LATEST, seen_below=1_700_099_000),
    ]
    ledger.works, ledger.found = 1234, ServerFindings(shows_undated=False, sorts=True, longest_page=500)
    return ledger


WHOLE = _whole()
TEXT = WHOLE.checkpoint()
PLAIN = urlsafe_b64decode(TEXT + "=" * (-len(TEXT) % 4))[4:]
TOKENS = [
    b"null",
    b"-1",
    b"1e9",
    b"9" * 30,
    b'""',
    b'"\\ud800"',
    b"\xff",
    b"[]",
    b"[[",
    b'"0001-01-01T00:00:00+23:59"',
    b"true",
]


@settings(max_examples=examples(400))
@given(damaged(TEXT.encode(), [b"A", b"=", b"-_", TEXT.encode()]))
def test_an_altered_one_is_refused_unless_it_says_the_same(text: bytes) -> None:
    try:
        ledger = Ledger.resumed(text.decode("latin-1"), "f")
    except InvalidArgumentError:
        return
    assert _said(ledger) == _said(WHOLE)


def sealed(plain: bytes) -> str:
    """A checkpoint of this content, whose checksum is right."""
    return urlsafe_b64encode(crc32(plain).to_bytes(4, "big") + plain).decode().rstrip("=")


@settings(max_examples=examples(600))
@given(damaged(PLAIN, TOKENS) | st.binary(max_size=40))
def test_a_forged_one_is_refused_or_opens_a_plan(plain: bytes) -> None:
    try:
        ledger = Ledger.resumed(sealed(plain), "f")
    except InvalidArgumentError:
        return
    again = Ledger.resumed(ledger.checkpoint(), "f")
    assert (again.works, again.found) == (ledger.works, ledger.found)
    Plan[object](ledger.domain, now=datetime(2026, 1, 1, tzinfo=UTC), intervals=ledger.open).take()


@pytest.mark.parametrize("plain", [b'[2,"\xff",null,null,0,false,false,0,[]]', b"[" * 100_000, b"2", b""])
def test_what_is_no_content_of_one_is_refused(plain: bytes) -> None:
    with pytest.raises(InvalidArgumentError, match="no checkpoint"):
        Ledger.resumed(sealed(plain), "f")
