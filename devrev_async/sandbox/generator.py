"""Generates works: the same for the same count and seed, shaped like the API's reference pages, all made up."""

import functools
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from . import garbage, ids, times, vocabulary
from .draws import Drawing, Draws
from .ids import ORGANISATION
from .organisation import Organisation
from .quirks import Quirks
from .row import Work
from .shared_values import SharedValues
from .sla import SlaFactory
from .work_fields import WorkFields

_START = times.parse("2022-01-03T08:00:00Z")
_END = times.parse("2025-12-19T18:00:00Z")
_BULK_EDIT = "2026-03-02T09:30:00.25Z"  # later than every other date of a generated work


class GeneratedWorks:
    """Generated works that are made anew whenever they are asked for, oldest first (a `WorkMaker`)."""

    def __init__(self, count: int, seed: int, organisation: str = ORGANISATION) -> None:
        members, rng = Organisation(seed, organisation), random.Random(f"works {seed}")
        shared = SharedValues(members, rng)
        self._ids = members.ids
        self._fields = WorkFields(members, shared, SlaFactory(members, rng))
        self._draws = Draws(Drawing(members, shared, rng), _creation_times(count, random.Random(f"times {seed}")))

    def __len__(self) -> int:
        return len(self._draws)

    def work(self, number: int) -> Work:
        return self._fields.work(self._draws[number])

    def value(self, number: int, key: str) -> Any:
        return self._fields.value(self._draws[number], key)

    def dates(self, number: int) -> tuple[int, int]:
        draw = self._draws[number]
        return draw.created, draw.modified

    def find(self, ref: str) -> int | None:
        kind, digits = ids.recognise(ref) or (None, "")
        if kind is None or not digits.isdecimal() or ref not in self._ids.both(kind.prefix, int(digits)).values():
            return None
        return self._draws.place(kind.type, int(digits))

    def numbers(self) -> dict[str, int]:
        return self._draws.numbers()

    def attachments(self) -> Iterator[tuple[int, Work]]:
        for number, draw in enumerate(self._draws):
            if any(self._fields.value(draw, key) is not None for key in ("external_ref", "artifacts")):
                yield number, self._fields.work(draw)


def generate(count: int, seed: int, organisation: str = ORGANISATION) -> Sequence[Work]:
    """Returns `count` works, oldest first. They are shared: a change replaces a work, and never modifies one."""
    return _cached(count, seed, organisation) if count <= 5_000 else _generate(count, seed, organisation)


@functools.lru_cache(maxsize=4)
def _cached(count: int, seed: int, organisation: str) -> Sequence[Work]:
    # A test suite generates the same few hundred works again and again.
    return _generate(count, seed, organisation)


def hidden_fields(number: int, work_type: str) -> Mapping[str, Any]:
    """Returns the fields of generated work `number` that filters know and no answer shows (see `Store.add`)."""
    return _HIDDEN_FIELDS[work_type][number % 12]


def with_ties(works: Sequence[Work], quirks: Quirks, seed: int) -> Sequence[Work]:
    """Returns the works, with the numbers of equal dates that `created_ties` and `modified_ties` ask for."""
    changes: dict[str, tuple[int, str]] = {}
    if works and quirks.created_ties:
        changes["created_date"] = quirks.created_ties, works[len(works) // 2]["created_date"]
    if works and quirks.modified_ties:
        changes["modified_date"] = quirks.modified_ties, _BULK_EDIT
    tied = list(works)
    for key, (number, date) in changes.items():
        for n in random.Random(f"{key} {seed}").sample(range(len(tied)), min(number, len(tied))):
            tied[n] = {**tied[n], key: date}
    return tied if changes else works


def _generate(count: int, seed: int, organisation: str = ORGANISATION) -> list[Work]:
    with garbage.suspended():
        works = GeneratedWorks(count, seed, organisation)
        return [works.work(number) for number in range(count)]


def _creation_times(count: int, rng: random.Random) -> list[int]:
    moments = sorted(rng.randrange(_START, _END, times.MILLISECOND) for _ in range(count))
    for n in range(1, count):
        if rng.random() < 0.02:
            moments[n] = moments[n - 1]  # ties, as imports leave them
        elif rng.random() < 0.05:
            moments[n] = max(moments[n] // 1_000_000 * 1_000_000, moments[n - 1])  # a whole second
    return moments


def _hidden_fields(work_type: str, n: int) -> Mapping[str, Any]:
    facts: dict[str, Any] = {"vista": [f"VISTA-{n % 4 + 1}"], "is_staged": n == 11}
    if work_type == "issue" and n % 2:
        facts |= {"accounts": [f"ACC-{n % 6 + 1}"], "rev_orgs": [f"REV-{n % 6 + 1}"], "group": f"GROUP-{n % 3 + 1}"}
    if work_type == "ticket" and n % 3 == 0:
        facts["brand"] = f"BRAND-{n // 3 + 1}"
    return facts


_HIDDEN_FIELDS = {work_type: [_hidden_fields(work_type, n) for n in range(12)] for work_type in vocabulary.STAGES}
