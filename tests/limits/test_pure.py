"""The parts that decide, as plain functions: tables, and any input at all."""

import contextlib
import gzip
import itertools
import math
import random
import zlib
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from devrev_async._limits.headers import parse_count, parse_http_date, parse_retry_after, parse_seconds
from devrev_async._limits.quota import ServerClock
from devrev_async._limits.retry import RetryPolicy, leaves_open, may_retry, own_wait
from devrev_async._transport import content_decoder as _body
from devrev_async._transport.content_decoder import BodyTooLargeError, ContentDecoder, ContentEncodingError
from devrev_async._transport.redirects import redirect_target

# -- headers -------------------------------------------------------------------------------------------------------

NOW = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("1e3", 1000.0),
        ("Sun, 06 Nov 1994 08:50:37 GMT", 60.0),  # IMF-fixdate
        ("Sunday, 06-Nov-94 08:50:37 GMT", 60.0),  # RFC 850
        ("Sun Nov  6 08:50:37 1994", 60.0),  # asctime
        ("Sun, 06 Nov 1994 08:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("-inf", None),
        ("5 minutes", None),
        ("Sun, 99 Foo 1994", None),
        ("1,5", None),
        (None, None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, now=NOW) == seconds


@given(st.text() | st.none())
def test_any_header_is_a_number_or_none(value: str | None) -> None:
    seconds = parse_retry_after(value, now=NOW)
    assert seconds is None or 0 <= seconds < float("inf")
    count = parse_count(value)
    assert count is None or 0 <= count < 10**18
    moment = parse_http_date(value)
    assert moment is None or abs(moment) < 1e13


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9999, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_http_dates(moment: datetime) -> None:
    assert parse_http_date(format_datetime(moment, usegmt=True)) == moment.replace(microsecond=0).timestamp()


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()))
def test_seconds_of_any_json(value: Any) -> None:
    seconds = parse_seconds(value)
    assert seconds is None or 0 <= seconds < float("inf")
    if isinstance(value, bool):
        assert seconds is None


@pytest.mark.parametrize(
    ("value", "count"),
    [("0", 0), ("8000", 8000), (" 5 ", 5), ("-1", None), ("1.0", None), ("٣", None), ("9" * 19, None)],
)
def test_counts(value: str, count: int | None) -> None:
    assert parse_count(value) == count


# -- retries -------------------------------------------------------------------------------------------------------

STATUSES = [None, *range(100, 600)]


@given(st.sampled_from(STATUSES), st.none() | st.floats(min_value=0, allow_infinity=False))
def test_what_may_have_been_applied_is_not_sent_again(status: int | None, retry_after: float | None) -> None:
    for sent in (True, False):
        if leaves_open(idempotent=False, status=status, sent=sent, retry_after=retry_after):
            assert not may_retry(idempotent=False, status=status, sent=sent, retry_after=retry_after)
    assert not leaves_open(idempotent=True, status=status, sent=True, retry_after=retry_after)


def test_writes_that_are_sent_again() -> None:
    again = {
        (status, asked)
        for status in STATUSES
        for asked in (None, 1.0)
        if may_retry(idempotent=False, status=status, sent=True, retry_after=asked)
    }
    assert again == {(429, None), (429, 1.0), (503, 1.0)}
    assert may_retry(idempotent=False, status=None, sent=False, retry_after=None)


def test_reads_that_are_sent_again() -> None:
    again = {status for status in STATUSES if may_retry(idempotent=True, status=status, sent=True, retry_after=None)}
    assert again == {None, 408, 429, 500, 502, 503, 504}


BOUNDS = (0.5, 30.0)


def test_own_waits_are_full_jitter_below_bounds_that_double(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", max)
    assert [own_wait(n, BOUNDS) for n in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert [own_wait(n, BOUNDS, at_least_bound=True) for n in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    monkeypatch.setattr(random, "uniform", min)
    assert [own_wait(n, BOUNDS) for n in range(9)] == [0] * 9
    assert [own_wait(n, BOUNDS, at_least_bound=True) for n in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]


@given(
    st.integers(0, 10_000),
    st.tuples(st.floats(0, 10), st.floats(0, 100)).map(lambda pair: (pair[0], pair[0] + pair[1])),
    st.booleans(),
)
def test_own_waits_lie_within_their_bounds(retries: int, bounds: tuple[float, float], at_least: bool) -> None:
    wait = own_wait(retries, bounds, at_least_bound=at_least)
    assert (min(bounds[0], bounds[1]) if at_least else 0) <= wait <= bounds[1]


@given(st.integers(0, 100))
def test_waits_can_be_switched_off(retries: int) -> None:
    assert own_wait(retries, (0, 0)) == own_wait(retries, (0, 0), at_least_bound=True) == 0


def test_the_policy_decides_in_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", max)
    policy = RetryPolicy(max_retries=2, retry_wait=(0.5, 30), max_rate_limit_wait=100)

    def decide(**given: Any) -> float | None:
        usual: dict[str, Any] = {
            "idempotent": True,
            "status": 503,
            "sent": True,
            "retry_after": None,
            "retries": 0,
            "time_left": 1e9,
        }
        return policy.decide(**{**usual, **given})

    assert decide() == 0.5
    assert decide(retries=1) == 1
    assert decide(retries=2) is None  # max_retries
    assert decide(retry_after=7) == 7
    assert decide(retry_after=100.5) is None  # max_rate_limit_wait
    assert decide(time_left=0.5) is None  # the deadline
    assert decide(idempotent=False) is None
    assert decide(idempotent=False, retry_after=7) == 7
    assert decide(status=429) == 1  # no hint at all: at least the bound
    assert decide(status=429, retry_after=0.1) == 0.5
    assert decide(status=404) is None


# -- redirects -----------------------------------------------------------------------------------------------------

ASKED = URL("https://api.devrev.ai/works.get?id=ISS-1", encoded=True)
DON = "don:core:dvrv-us-1:devo/0:issue/2"


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("ISS-2", "https://api.devrev.ai/works.get?id=ISS-2"),
        (DON, "https://api.devrev.ai/works.get?id=don%3Acore%3Advrv-us-1%3Adevo%2F0%3Aissue%2F2"),
        ("/works.get?id=ISS-2", "https://api.devrev.ai/works.get?id=ISS-2"),
        ("works.get?id=ISS-2", "https://api.devrev.ai/works.get?id=ISS-2"),
        ("?id=ISS-2", "https://api.devrev.ai/works.get?id=ISS-2"),
        ("https://api.devrev.ai/works.get?id=ISS-2", "https://api.devrev.ai/works.get?id=ISS-2"),
        ("/works.get?id=don%3Acore%2F2", "https://api.devrev.ai/works.get?id=don%3Acore%2F2"),
        ("/works.get?id=ISS-1", None),  # where it came from
        ("https://evil.example/works.get?id=ISS-2", None),
        ("//evil.example/works.get", None),
        ("http://api.devrev.ai/works.get?id=ISS-2", None),
        ("https://api.devrev.ai:8443/works.get?id=ISS-2", None),
        ("https://user:pass@api.devrev.ai/works.get?id=ISS-2", None),
        ("https://api.devrev.ai@evil.example/", None),
        ("\\\\evil.example\\", None),
        ("https:\\\\evil.example", None),
        ("javascript:alert(1)", None),
        ("mailto:a@b.example", None),
        ("file:///etc/passwd", None),
        ("http://[::1", None),
        ("https://api.devrev.ai:99999/", None),
        ("/works.get?id=ISS 2", None),
        ("/works.get?id=\u00e4", None),
        ("ISS-2\r\nX: y", None),
        ("", None),
    ],
)
def test_where_a_301_leads(location: str, target: str | None) -> None:
    found = redirect_target(ASKED, location)
    assert (None if found is None else str(found)) == target


@given(
    st.text(max_size=60)
    | st.builds(
        "".join, st.lists(st.sampled_from([*"ahtps:/@\\?#[]%.-0", "//", "evil.example", "api.devrev.ai", "don:"]))
    )
)
def test_no_location_leads_to_another_origin(location: str) -> None:
    found = redirect_target(ASKED, location)
    if found is not None:
        assert (found.scheme, found.host, found.port, found.user) == ("https", "api.devrev.ai", 443, None)
        assert str(found).isascii()


# -- bodies --------------------------------------------------------------------------------------------------------


def pack(data: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        return gzip.compress(data)
    if encoding in ("deflate", "bare"):
        packer = zlib.compressobj(wbits=15 if encoding == "deflate" else -15)
        return packer.compress(data) + packer.flush()
    return data


def unpack(packed: bytes, encoding: str, limit: int, cuts: list[int]) -> bytes:
    body = ContentDecoder("deflate" if encoding == "bare" else encoding, limit)
    whole = b""
    edges = sorted({0, len(packed), *(cut for cut in cuts if cut < len(packed))})
    for start, end in itertools.pairwise(edges):
        for piece in body.feed(packed[start:end]):
            assert len(piece) <= max(_body.PIECE, 0 if encoding != "identity" else len(packed))
            whole += piece
            assert len(whole) <= limit
    body.finish()
    return whole


ENCODINGS = st.sampled_from(["gzip", "deflate", "bare", "identity"])
DATA = st.binary(max_size=300) | st.integers(0, 2000).map(lambda size: b"{}" * size)


@given(
    data=DATA, encoding=ENCODINGS, cuts=st.lists(st.integers(1, 300)), piece=st.sampled_from([1, 2, 7, 64, 258, 1000])
)
def test_any_body_in_any_pieces(data: bytes, encoding: str, cuts: list[int], piece: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_body, "PIECE", piece)
        assert unpack(pack(data, encoding), encoding, len(data), cuts) == data


@given(data=DATA, encoding=ENCODINGS, cuts=st.lists(st.integers(1, 300)), short=st.integers(1, 100))
def test_no_body_passes_its_bound(data: bytes, encoding: str, cuts: list[int], short: int) -> None:
    if len(data) < short:
        return
    with pytest.raises(BodyTooLargeError):
        unpack(pack(data, encoding), encoding, len(data) - short, cuts)


@given(data=DATA, encoding=st.sampled_from(["gzip", "deflate", "bare"]), cut=st.integers(1, 30))
def test_no_body_that_is_cut_passes(data: bytes, encoding: str, cut: int) -> None:
    packed = pack(data, encoding)
    if len(packed) <= cut:
        return
    with pytest.raises(ContentEncodingError) as caught:
        unpack(packed[:-cut], encoding, 10**6, [])
    assert caught.value.cut


@given(garbage=st.binary(min_size=1, max_size=50), encoding=st.sampled_from(["gzip", "deflate"]))
def test_garbage_is_a_typed_error_or_nothing(garbage: bytes, encoding: str) -> None:
    with contextlib.suppress(ContentEncodingError, BodyTooLargeError):
        unpack(garbage, encoding, 10**6, [])


# -- the server's clock --------------------------------------------------------------------------------------------


@given(
    skew=st.floats(-1e6, 1e6),
    answers=st.lists(st.tuples(st.floats(0.0, 3.0), st.floats(0.0, 2.0), st.floats(0.0, 2.0)), min_size=1, max_size=30),
    wall=st.floats(-2.0, 2.0),
)
def test_the_clock_never_runs_ahead_of_the_servers(
    skew: float, answers: list[tuple[float, float, float]], wall: float
) -> None:
    """Unless the machine's own clock does, within what whole seconds leave open."""
    clock, now = ServerClock(), 1000.0
    for idle, there, back in answers:
        sent = now + idle
        stamped = math.floor(sent + there + skew // 1)
        now = sent + there + back
        clock.observe(float(stamped), sent, now)
        true = skew // 1
        offset = clock.offset(true + wall)
        assert offset <= max(true, true + wall) + 1e-6
        assert offset >= true - 5.0 or offset == true + wall
