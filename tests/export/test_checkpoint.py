"""A checkpoint says all that a ledger knows, and is refused in any altered form; one that was forged is read or refused."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zlib import crc32

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devrev_async.errors import InvalidArgumentError
from devrev_async.export.checkpoint import Ledger
from devrev_async.export.planner.intervals import EARLIEST, LATEST, SECOND, UNDATED, Batch, Domain, Interval, Key
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


WRITTEN = (
    b'[2,"f","2024-01-01T00:00:00Z",null,1234,false,true,500,'
    b'[[-62135596802,-62135596801,null,"",null,null],'
    b'[1700000000,1700000060,1700000000250000,"don:1",null,40],'
    b'[1700100000,253402300800,null,"",1000,null]],false]'
)
"""The content of `TEXT`. A change of it is a new version: checkpoints outlive a release."""


def test_what_it_is_made_of() -> None:
    assert _whole().checkpoint() == sealed(WRITTEN)
    assert _said(Ledger.resumed(sealed(WRITTEN), "f")) == _said(WHOLE)


@pytest.mark.parametrize(
    ("bounds", "found"),
    [
        ((None, None), ServerFindings()),
        ((datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)), ServerFindings(shows_undated=True)),
        ((None, datetime(2025, 1, 1, tzinfo=UTC)), ServerFindings(sorts=True, longest_page=7)),
        ((None, None), ServerFindings(assumed_cap=True)),
    ],
)
def test_a_new_ledger_begins_with_all_that_the_range_has(
    bounds: tuple[datetime | None, datetime | None], found: ServerFindings
) -> None:
    ledger = Ledger("g", Domain(*bounds))
    assert _said(ledger) == ("g", *bounds, 0, ServerFindings(), Domain(*bounds).intervals())
    ledger.found = found
    assert _said(Ledger.resumed(ledger.checkpoint(), "g")) == _said(ledger)


def batch_of(*keys: Key, upto: Key | None = None) -> Batch[str]:
    """A batch of all that stands in the seconds 10 to 20."""
    return Batch(10, 20, list(keys), [identity for _, identity in keys], upto)


ALL = [Interval(UNDATED, UNDATED + 1), Interval(EARLIEST, LATEST)]
A, B, C, D = (12 * SECOND, "a"), (14 * SECOND, "b"), (14 * SECOND, "c"), (16 * SECOND, "d")
BELOW = [ALL[0], Interval(EARLIEST, 10)]


@pytest.mark.parametrize(
    ("yielded", "left"),
    [
        (0, ALL),
        # up to a work: from its second on, what stands behind it; what was seen before that second is known
        (1, [*BELOW, Interval(12, LATEST, A)]),
        (2, [ALL[0], Interval(EARLIEST, 10, seen_above=12), Interval(14, LATEST, B, seen_below=12)]),
        (3, [ALL[0], Interval(EARLIEST, 10, seen_above=12), Interval(14, LATEST, C, seen_below=12)]),
        (4, [ALL[0], Interval(EARLIEST, 10, seen_above=12), Interval(16, LATEST, D, seen_below=14)]),
    ],
)
def test_in_the_middle_of_a_batch_it_is_exact(yielded: int, left: list[Interval]) -> None:
    ledger = Ledger("f", Domain())
    ledger.works = 100
    again = Ledger.resumed(ledger.checkpoint(batch_of(A, B, C, D), yielded), "f")
    assert (again.works, again.open) == (100 + yielded, left)
    assert (ledger.works, ledger.open) == (100, ALL)  # the batch is not done


@pytest.mark.parametrize(
    ("batch", "left"),
    [
        (batch_of(A, B, D), [ALL[0], Interval(EARLIEST, 10, seen_above=12), Interval(20, LATEST, seen_below=16)]),
        (batch_of(), [*BELOW, Interval(20, LATEST)]),
        (batch_of(A, B, upto=B), [ALL[0], Interval(EARLIEST, 10, seen_above=12), Interval(14, LATEST, B)]),
    ],
)
def test_a_batch_that_was_yielded_is_done(batch: Batch[str], left: list[Interval]) -> None:
    ledger = Ledger("f", Domain())
    ledger.finish(batch)
    assert (ledger.works, ledger.open) == (len(batch.keys), left)
    ledger.finish(Batch(UNDATED, UNDATED + 1, [(UNDATED * SECOND, "u")], ["u"]))
    assert (ledger.works, ledger.open) == (len(batch.keys) + 1, left[1:])
    ledger.complete()
    assert Ledger.resumed(ledger.checkpoint(), "f").open == []


@pytest.mark.parametrize(
    ("pieces", "left"),
    [
        ([Interval(0, 5, seen_below=-3, seen_above=9), Interval(5, 9, seen_below=2, seen_above=12)],
         [Interval(0, 9, seen_below=-3, seen_above=12)]),
        ([Interval(0, 5), Interval(5, 6), Interval(6, 9)], [Interval(0, 9)]),
        ([Interval(0, 5), Interval(6, 9), Interval(9, 12)], [Interval(0, 5), Interval(6, 12)]),
        ([Interval(0, 5), Interval(5, 9, (5 * SECOND, "k"))], [Interval(0, 5), Interval(5, 9, (5 * SECOND, "k"))]),
        ([Interval(0, 5, (1, "k")), Interval(5, 9)], [Interval(0, 9, (1, "k"))]),
    ],
)  # fmt: skip
def test_pieces_of_one_interval_are_written_as_one(pieces: list[Interval], left: list[Interval]) -> None:
    ledger = Ledger("f", Domain())
    ledger.open = pieces
    assert Ledger.resumed(ledger.checkpoint(), "f").open == left


def test_that_of_another_query_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=r"^resume= is the checkpoint of an export with other filters$"):
        Ledger.resumed(TEXT, "g")


def test_what_is_no_str_is_a_type_error() -> None:
    wrong: Any = TEXT.encode()
    with pytest.raises(TypeError, match=r"^resume= takes the str that export\.checkpoint gave, not bytes$"):
        Ledger.resumed(wrong, "f")


@pytest.mark.parametrize("filters", ["f", "ff", "fff", "ffff"])
def test_its_length_does_not_matter(filters: str) -> None:
    ledger = Ledger(filters, Domain())
    assert "=" not in ledger.checkpoint()
    assert _said(Ledger.resumed(ledger.checkpoint(), filters)) == _said(ledger)


@pytest.mark.parametrize("text", ["", "A", "AAAA", "AAAAAAAA", TEXT[:-1], TEXT[4:], f"{TEXT}\u00e9", sealed(b"{}")])
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgumentError, match=r"^resume= is no checkpoint of an export$"):
        Ledger.resumed(text, "f")


def forged(**fields: Any) -> str:
    """One of a whole export in which nothing is done, but for the fields."""
    usual: dict[str, Any] = {"version": 2, "filters": "f", "after": None, "before": None, "works": 0}
    usual |= {"undated": False, "sorts": False, "longest": 0, "open": [[0, 9, None, "", None, None]]}
    return sealed(msgspec.json.encode([*(usual | fields).values()]))


@pytest.mark.parametrize(
    ("fields", "sound"),
    [
        ({}, True), ({"works": 1}, True), ({"works": -1}, False), ({"version": 1}, False), ({"version": 3}, False),
        ({"open": []}, True), ({"open": [[UNDATED, LATEST, None, "", None, None]]}, True),
        ({"open": [[UNDATED - 1, 9, None, "", None, None]]}, False), ({"open": [[0, LATEST + 1, None, "", 1, 1]]}, False),
        ({"open": [[9, 8, None, "", None, None]]}, False),
        ({"open": [[5, 9, None, "", None, None], [0, 5, None, "", None, None]]}, False),
        ({"open": [[0, 9, SECOND - 1, "k", None, None]]}, True), ({"open": [[0, 9, SECOND, "k", None, None]]}, False),
        ({"open": [[0, 9, -1, "k", None, None]]}, False),
        ({"after": "2024-01-01T00:00:00+02:00"}, True), ({"after": "2024-01-01T00:00:00"}, False),
        ({"before": "2024-01-01T00:00:00Z"}, True), ({"before": "2024-01-01T00:00:00"}, False),
    ],
)  # fmt: skip
def test_what_no_export_ever_wrote_is_refused(fields: dict[str, Any], sound: bool) -> None:
    if sound:
        Ledger.resumed(forged(**fields), "f")
        return
    with pytest.raises(InvalidArgumentError, match=r"^resume= is no checkpoint of an export, or it was altered$"):
        Ledger.resumed(forged(**fields), "f")


def test_one_whose_checksum_is_wrong_is_refused() -> None:
    for at in range(4):
        seal = bytearray(urlsafe_b64decode(TEXT + "=" * (-len(TEXT) % 4)))
        seal[at] ^= 1
        with pytest.raises(InvalidArgumentError, match="or it was altered"):
            Ledger.resumed(urlsafe_b64encode(seal).decode(), "f")


@pytest.mark.parametrize("plain", [b'[2,"\xff",null,null,0,false,false,0,[]]', b"[" * 100_000, b"2", b""])
def test_what_is_no_content_of_one_is_refused(plain: bytes) -> None:
    with pytest.raises(InvalidArgumentError, match="no checkpoint"):
        Ledger.resumed(sealed(plain), "f")
