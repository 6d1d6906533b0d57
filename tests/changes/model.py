"""A model of a server whose works change while they are read, and a driver of `Run` without any I/O."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from devrev_async.changes.checkpoint import decode, encode
from devrev_async.changes.instants import SECOND, micros, moment
from devrev_async.changes.run import Run, Start
from devrev_async.changes.windows import MANY, Count, Read
from devrev_async.sandbox import Quirks

QUERY = {"type": '["ticket"]'}
NOW = micros(datetime(2026, 3, 1, tzinfo=UTC))


@dataclass(frozen=True)
class Work:
    id: str
    modified: int | None
    visible: int = 0


@dataclass
class Model:
    """The server: what it holds, and how it answers. A count above `fitting` with has_more says that works are many."""

    rng: random.Random
    quirks: Quirks = field(default_factory=Quirks)
    page: int = 7
    fitting: int = 10
    unproved: float = 0.0
    """The share of reads that cannot be proved complete: the first one of a call, or those with a range."""
    clock: int = NOW
    works: dict[str, Work] = field(default_factory=dict[str, Work])
    made: int = 0
    requests: int = 0
    fetched: int = 0
    churn: float = 0.0

    @property
    def date(self) -> int:
        return self.clock // SECOND * SECOND

    def create(self, modified: int | None, late: int = 0) -> Work:
        self.made += 1
        work = Work(f"w{self.rng.randrange(1000):03}-{self.made}", modified, self.clock + late if late else 0)
        self.works[work.id] = work
        return work

    def change(self, id: str, late: int = 0) -> None:
        self.clock += 1000
        self.works[id] = Work(id, self.clock // 1000 * 1000, self.clock + late if late else 0)

    def disturb(self) -> None:
        """Something may happen between two requests, and between two pages."""
        while self.rng.random() < self.churn:
            self.clock += self.rng.randrange(700_000)
            what = self.rng.choice(("create", "change", "change", "delete"))
            if what == "create":
                self.create(self.clock // 1000 * 1000)
            elif self.works:
                id = self.rng.choice(list(self.works))
                if what == "change":
                    self.change(id)
                else:
                    del self.works[id]

    def count(self, after: datetime | None, before: datetime | None) -> int | None:
        self.requests += 1
        if "works.count" in self.quirks.missing_endpoints:
            return None
        count, has_more = self.quirks.counted(len(self.found(after, before)), self.rng)
        if not has_more:
            return count
        return MANY if count > self.fitting else None

    def read(self, after: datetime | None, before: datetime | None, count: int | None) -> Iterator[list[Work]]:
        """A complete export: what matches throughout comes once, what changes meanwhile at most once.

        It takes a page and a count, unless so many works as there are were counted before.
        """
        found = self.found(after, before)
        self.requests += 1 if count == len(found) else 2
        self.rng.shuffle(found)
        while found:
            page, found = found[: self.page], found[self.page :]
            page = [work for work in page if self.works.get(work.id) == work or self.rng.random() < 0.5]
            self.fetched += len(page)
            yield page
            self.disturb()

    def found(self, after: datetime | None, before: datetime | None) -> list[Work]:
        visible = [work for work in self.works.values() if work.visible <= self.clock]
        if self.quirks.modified_date_filter == "ignored" or (after is None and before is None):
            return visible
        return [work for work in visible if self.within(work, after, before)]

    def within(self, work: Work, after: datetime | None, before: datetime | None) -> bool:
        return self.quirks.in_range(None if work.modified is None else moment(work.modified), after, before)


@dataclass
class Call:
    """One call of `changes`, driven to its end or cut off."""

    model: Model
    run: Run[Work]
    yielded: list[Work] = field(default_factory=list[Work])
    ended: bool = False
    most_waiting: int = 0
    failed: bool = False

    def drive(self, n: int, most_batches: int | None = None) -> str:
        """Yield batches of `n` works, at most so many; the answer is the checkpoint after the last one."""
        left = most_batches
        for _ in self.steps():
            self.most_waiting = max(self.most_waiting, self.run.delivery.waiting)
            while self.run.delivery.waiting >= n:
                if left == 0:
                    return self.checkpoint
                self.yielded += self.run.delivery.take(n)
                left = None if left is None else left - 1
            if left == 0:
                return self.checkpoint
        while self.run.delivery.waiting:
            if left == 0:
                return self.checkpoint
            self.yielded += self.run.delivery.take(n)
            left = None if left is None else left - 1
        self.ended = True
        return self.checkpoint

    @property
    def checkpoint(self) -> str:
        return encode(self.run.checkpoint(), QUERY)

    def steps(self) -> Iterator[None]:
        model, run = self.model, self.run
        while (step := run.next()) is not None:
            model.disturb()
            refused = model.quirks.modified_date_filter == "refused" and step.asked != (None, None)
            if isinstance(step, Count):
                run.counted(None if refused else model.count(*step.asked), model.date)
                if refused:
                    run.refused()
            elif refused:
                run.refused()
            else:
                yield from self.read(step)
            yield

    def read(self, step: Read) -> Iterator[None]:
        may_fail = not (self.failed or self.run.filtered_here) and (step.asked != (None, None) or not self.run.windows)
        self.failed = fails = may_fail and self.model.rng.random() < self.model.unproved
        for page in self.model.read(*step.asked, step.count):
            if fails and self.model.rng.random() < 0.3:
                break
            if not self.run.feed((moment(w.modified) if w.modified else None, micros_of(w), w.id, w) for w in page):
                return
            yield
        if fails:
            assert self.run.unproved()
        else:
            self.run.finished()


def micros_of(work: Work) -> int:
    return micros(None) if work.modified is None else work.modified


def call(
    model: Model, since: str | int | None, *, overlap: int = 300 * SECOND, room: int = 10, most: int = 1000
) -> Call:
    """A call since a checkpoint, a stamp, or ever."""
    start = Start() if since is None else decode(since, QUERY) if isinstance(since, str) else Start.at(since)
    return Call(model, Run(start, overlap=overlap, room=room, most=most))
