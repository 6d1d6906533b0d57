"""What chance decides of each generated work, in 64 bytes a work; its fields follow from that (`WorkFields`)."""

import itertools
import random
import struct
from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from . import times, vocabulary
from .organisation import Organisation
from .shared_values import SharedValues

WORK_TYPES = tuple(vocabulary.STAGES)
_TYPES = tuple(map(WORK_TYPES.index, ("issue",) * 9 + ("ticket",) * 8 + ("task",) * 2 + ("opportunity",)))


class Draw(NamedTuple):
    """The draw of one work: numbers, and indexes in lists of the organisation, of `SharedValues` and the vocabulary."""

    created: int
    modified: int
    number: int
    """Among the works of its type, from 1 on."""
    artifact: int
    """The number of the first of its two artifacts; 0 if it has none."""
    work_type: int
    part: int
    stage: int
    created_by: int
    modified_by: int
    body: int
    region: int
    owners: int
    reporters: int
    tags: int
    title: int
    # of issues
    developed_with: int
    priority: int
    sprint: int
    # of tickets, opportunities, or both
    company: int
    group: int
    sentiment: int
    severity: int
    contacts: int
    forecast: int

    @property
    def type_name(self) -> str:
        return WORK_TYPES[self.work_type]


_PACKED = struct.Struct(f"<qqII{len(Draw._fields) - 4}H")


class Draws:
    """The draws of many works, packed, in the order of their creation."""

    def __init__(self, drawing: "Drawing", moments: Sequence[int]) -> None:
        self._packed = bytearray(len(moments) * _PACKED.size)
        self._places = [array("I") for _ in WORK_TYPES]  # of the works of each type
        for n, created in enumerate(moments):
            draw = drawing.draw(created)
            self._places[draw.work_type].append(n)
            _PACKED.pack_into(self._packed, n * _PACKED.size, *draw)

    def __len__(self) -> int:
        return len(self._packed) // _PACKED.size

    def __getitem__(self, n: int) -> Draw:
        return Draw._make(_PACKED.unpack_from(self._packed, n * _PACKED.size))

    def __iter__(self) -> Iterator[Draw]:
        return map(Draw._make, _PACKED.iter_unpack(self._packed))

    def place(self, work_type: str, number: int) -> int | None:
        """Returns the place of the work of that type and number, or None."""
        places = self._places[WORK_TYPES.index(work_type)] if work_type in WORK_TYPES else ()
        return places[number - 1] if 1 <= number <= len(places) else None

    def numbers(self) -> dict[str, int]:
        """Returns the highest number of each type."""
        return dict(zip(WORK_TYPES, map(len, self._places), strict=True))


class Drawing:
    """Draws one work after the other. The order of its draws decides what works a seed has: it must stay as it is."""

    def __init__(self, organisation: Organisation, shared: SharedValues, rng: random.Random) -> None:
        self._organisation = organisation
        self._shared = shared
        self._random = rng.random
        self._numbers = [itertools.count(1) for _ in WORK_TYPES]
        self._artifacts = itertools.count(1, 2)

    def draw(self, created: int) -> Draw:
        """Returns the draw of the next work, which is created at that time."""
        organisation, shared, pick = self._organisation, self._shared, self._pick
        work_type = _TYPES[pick(_TYPES)]
        name = WORK_TYPES[work_type]
        issue, ticket, opportunity = name == "issue", name == "ticket", name == "opportunity"
        number = next(self._numbers[work_type])
        part, stage = pick(organisation.parts), pick(organisation.stages[name])
        return Draw(
            created=created,
            modified=created + int(self._random() ** 4 * 60 * times.DAY) // times.MILLISECOND * times.MILLISECOND,
            number=number,
            artifact=0 if number % 12 else next(self._artifacts),
            work_type=work_type,
            part=part,
            stage=stage,
            created_by=pick(organisation.users),
            modified_by=pick(organisation.users),
            body=pick(shared.bodies) if number % 25 else 0,
            region=0 if number % 3 else pick(vocabulary.CUSTOM_TEXTS),
            owners=pick(shared.owners),
            reporters=pick(shared.reporters),
            tags=pick(shared.tags),
            title=pick(vocabulary.TITLES),
            developed_with=pick(shared.developed_with) if issue else 0,
            priority=pick(shared.priorities) if issue else 0,
            sprint=pick(organisation.sprints) if issue and number % 4 else 0,
            company=pick(vocabulary.COMPANIES) if ticket or opportunity else 0,
            group=pick(organisation.groups) if ticket and number % 3 else 0,
            sentiment=pick(shared.sentiments) if ticket and number % 4 == 1 else 0,
            severity=pick(vocabulary.SEVERITIES) if ticket else 0,
            contacts=pick(shared.reporters) if opportunity else 0,
            forecast=pick(shared.forecasts) if opportunity else 0,
        )

    def _pick(self, choices: Sequence[object]) -> int:
        return int(self._random() * len(choices))  # several times faster than random.choice
