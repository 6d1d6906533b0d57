"""Plans, pages and keys for the tests of single rules."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from devrev_async.export.planner import Batch, Domain, Interval, Key, Page, Request, key_of
from devrev_async.export.planner.intervals import UNDATED, mark_of
from devrev_async.export.planner.planner import Plan
from devrev_async.export.planner.state import Sizes, State

START = datetime(2024, 3, 1, tzinfo=UTC)
NOW = START + timedelta(days=400)
SECOND = int(START.timestamp())


def keys(*seconds: float) -> list[Key]:
    """Keys of works created so many seconds after the start."""
    return [key_of(START + timedelta(seconds=second), f"w{second}") for second in seconds]


def page(found: list[Key]) -> Page[str]:
    """A page of works that stand for themselves by name."""
    return Page(found, [name for _, name in found])


def plan(first: int = 20, limit: int = 5, parallel: int = 3, counted: int | None = None) -> Plan[str]:
    """A plan of everything."""
    return Plan[str](Domain(), now=NOW, first=first, limit=limit, parallel=parallel, counted=counted)


def state(
    *intervals: Interval,
    domain: Domain | None = None,
    lists: bool = True,
    before: int = 0,
    first: int = 20,
    parallel: int = 3,
) -> State[str]:
    """What a plan of these intervals knows before its first request; without any, that of a fresh run."""
    sizes = Sizes(first=first, limit=5, parallel=parallel)
    known = State[str](domain or Domain(), NOW, intervals or None, before=before, sizes=sizes)
    known.server.lists = lists
    return known


def interval(low: int, high: int, *shown: float) -> Interval:
    """An interval in seconds after the start, in which works were shown that were created then."""
    return Interval(SECOND + low, SECOND + high, shown=frozenset(map(mark_of, keys(*shown))))


def export(low: int, high: int, *, descending: bool = False, number: int = 1, first: int = 20) -> Request:
    """A request for a page of an interval in seconds after the start."""
    after, before = Domain().bounds(SECOND + low, SECOND + high)
    return Request("export", number, SECOND + low, SECOND + high, after, before, descending, first=first)


def left(known: State[str]) -> list[tuple[int, int]]:
    """The open intervals in seconds after the start, the one of works without a timestamp aside."""
    return [(each.low - SECOND, each.high - SECOND) for each in known.coverage.intervals if each.low != UNDATED]


def names(batches: list[Batch[str]]) -> list[str]:
    """The works of batches, in their order."""
    return [name for batch in batches for name in batch.items]


def take(planned: Plan[str]) -> Request:
    """The next request, which there must be."""
    request = planned.take()
    assert request is not None
    return request


def opened(planned: Plan[str]) -> tuple[Request, Request]:
    """The first page's request, and that of the count beside it."""
    export, count = sorted((take(planned), take(planned)), key=lambda request: request.kind, reverse=True)
    assert (export.kind, count.kind) == ("export", "count")
    assert (export.after, export.before, count.after, count.before) == (None, None, None, None)
    return export, count


@dataclass
class Cost:
    """What an export took.

    Attributes:
        waits: how often answers were waited for, all those under way together.
        requests: of either kind.
        counts: of `works.count`.
    """

    waits: int = 0
    requests: int = 0
    counts: int = 0


@dataclass
class SortedServer:
    """A server that counts and sorts.

    Attributes:
        times: of its works.
        recount: what it says, in place of the right number, where a range is counted.
    """

    times: list[datetime]
    recount: Callable[[int], int | None] = field(default=lambda right: right)

    def __post_init__(self) -> None:
        self.keys = [key_of(time, f"w{number}") for number, time in enumerate(self.times)]

    def export(self, planned: Plan[str], *, without: Collection[str] = ()) -> Cost:
        """Runs a plan, and checks that all works come, each once, but those `without`, which came before it."""
        cost, got = Cost(), list[str]()
        while sent := list(iter(planned.take, None)):
            cost.waits += 1
            cost.requests += len(sent)
            cost.counts += sum(request.kind == "count" for request in sent)
            for request in sent:
                got += [name for batch in self.answer(planned, request) for name in batch.items]
        assert planned.done
        assert sorted(got) == sorted(name for _, name in self.keys if name not in without)
        return cost

    def seconds(self, planned: Plan[str], *, wait: float, decode: float) -> tuple[float, int]:
        """Runs a plan by a clock of its own, and returns how long it took, and how many requests.

        Args:
            planned: the plan.
            wait: seconds until an answer is there.
            decode: seconds that a work takes; one page is decoded after the other, in the order in which they were sent.
        """
        now, requests = 0.0, 0
        sent: list[tuple[float, Request]] = []
        while True:
            for request in iter(planned.take, None):
                sent.append((now + wait, request))
                requests += 1
            if not sent:
                return now, requests
            now = max(now, min(due for due, _ in sent))
            here = [entry for entry in sent if entry[0] <= now]
            entry = min(here, key=lambda entry: (entry[1].kind != "count", entry[1].number))
            sent.remove(entry)
            fetched = planned.fetched
            self.answer(planned, entry[1])
            now += (planned.fetched - fetched) * decode

    def answer(self, planned: Plan[str], request: Request) -> list[Batch[str]]:
        """Returns what the answer to a request proves."""
        low = 0 if request.after is None else bisect_left(self.times, request.after)
        high = len(self.times) if request.before is None else bisect_right(self.times, request.before)
        if request.kind == "count":
            limited = request.after is not None or request.before is not None
            return planned.feed_count(request, self.recount(high - low) if limited else high - low)
        found = self.keys[low:high][::-1] if request.descending else self.keys[low:high]
        return planned.feed(request, page(found[: request.first]))
