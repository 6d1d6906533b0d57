"""Generates works: the same for the same count and seed, shaped like the API's reference pages, all made up."""

import functools
import itertools
import random
from collections.abc import Mapping, Sequence
from typing import Any

from . import garbage, ids, times, vocabulary
from .ids import ORGANISATION, Ids
from .organisation import Organisation, enum_value
from .quirks import Quirks
from .sla import SlaFactory

Work = dict[str, Any]

_START = times.parse("2022-01-03T08:00:00Z")
_END = times.parse("2025-12-19T18:00:00Z")
_BULK_EDIT = "2026-03-02T09:30:00.25Z"  # later than every other date of a generated work
_TYPES = ("issue",) * 9 + ("ticket",) * 8 + ("task",) * 2 + ("opportunity",)
_STOCK_FRAGMENT = "don:core:dvrv-us-1:stock_sf/{}"
_CUSTOM_TEXTS = ("", "eu-1", "us-2", "Zürich", 'say "yes"', "a\tb")
_CHANNELS = (["email"], ["plug"], ["slack", "email"], ["twilio_sms"], ["twilio"])
_SEVERITIES = ("low", "medium", "high", "blocker")
_CURRENCIES = ("EUR", "USD", "INR")


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
    factory = WorkFactory(seed, organisation)
    with garbage.suspended():
        return [factory.work(created) for created in _creation_times(count, random.Random(f"times {seed}"))]


def _creation_times(count: int, rng: random.Random) -> list[int]:
    moments = sorted(rng.randrange(_START, _END, times.MILLISECOND) for _ in range(count))
    for n in range(1, count):
        if rng.random() < 0.02:
            moments[n] = moments[n - 1]  # ties, as imports leave them
        elif rng.random() < 0.05:
            moments[n] = max(moments[n] // 1_000_000 * 1_000_000, moments[n - 1])  # a whole second
    return moments


class SharedValues:
    """The values that generated works share: half of the memory and most of the speed is that these are few objects."""

    def __init__(self, organisation: Organisation, rng: random.Random) -> None:
        staff = organisation.users[:48]
        self.owners = [rng.sample(staff, rng.choice((1, 1, 2, 2, 3))) for _ in range(256)]
        self.reporters = [[person] for person in (*organisation.customers, *staff[:16])]
        self.tags = [_tag_list(organisation, rng) for _ in range(256)]
        self.developed_with = [rng.sample(organisation.parts, n % 3) for n in range(32)]
        self.bodies = ["\n\n".join(rng.choices(vocabulary.SENTENCES, k=rng.randrange(0, 9))) for _ in range(512)]
        self.priorities = [enum_value("priority_v2", n) for n in (1, 2, 3, 4)]
        self.sentiments = [enum_value("sentiment", n) | {"value": n * 0.2} for n in (1, 2, 3, 4, 5)]
        self.forecasts = [enum_value("forecast_category_v2", n) | {"value": None} for n in range(1, 7)]
        self.visibilities = [enum_value("visibility", n) for n in (1, 2)]
        self.channels = [[organisation.channels[n], organisation.channels[(n + 2) % 5]] for n in range(5)]
        self.sync_units = [_sync_unit(n, organisation.ids) for n in range(4)]


def _tag_list(organisation: Organisation, rng: random.Random) -> list[dict[str, Any]]:
    tags = rng.sample(organisation.tags, rng.choice((0, 0, 1, 2, 3)))
    return [{"tag": tag, "value": "yes"} if n == 1 else {"tag": tag} for n, tag in enumerate(tags)]


class WorkFactory:
    """Makes one work after the other."""

    def __init__(self, seed: int, name: str) -> None:
        self._organisation = organisation = Organisation(seed, name)
        self._rng = rng = random.Random(f"works {seed}")
        self._numbers = {work_type: itertools.count(1) for work_type in vocabulary.STAGES}
        self._artifacts = itertools.count(1)
        self._shared = SharedValues(organisation, rng)
        self._fragments = {
            work_type: ([organisation.ids.don("TENANT", 7)], _STOCK_FRAGMENT.format(n + 1))
            for n, work_type in enumerate(vocabulary.STAGES)
        }
        self._sla = SlaFactory(organisation, rng)

    def work(self, created: int) -> Work:
        pick = self._pick
        work_type = pick(_TYPES)
        number = next(self._numbers[work_type])
        ref = self._organisation.ids.both(ids.BY_TYPE[work_type].prefix, number)
        part, stage = pick(self._organisation.parts), pick(self._organisation.stages[work_type])
        modified = created + int(self._rng.random() ** 4 * 60 * times.DAY) // times.MILLISECOND * times.MILLISECOND
        fragments, stock = self._fragments[work_type]
        work: Work = {
            "type": work_type,
            "created_by": pick(self._organisation.users),
            "created_date": times.render(created),
            **ref,
            "modified_by": pick(self._organisation.users),
            "modified_date": times.render(modified),
        }
        if stage["state"]["is_final"]:
            work["actual_close_date"] = work["modified_date"]
        work["applies_to_part"] = part
        if number % 12 == 0:
            work["artifacts"] = [self._artifact(), self._artifact()]
        if number % 25:
            work["body"] = pick(self._shared.bodies)
        if number % 3 == 0:
            work |= {"custom_fields": self._custom_fields(number), "custom_schema_fragments": fragments}
        if number % 8 == 0:
            work["external_ref"] = f"legacy-{work_type}-{number}"
        work["owned_by"] = pick(self._shared.owners)
        work["reported_by"] = pick(self._shared.reporters)
        work |= {"stage": stage, "state_display_name": stage["state"]["name"].replace("_", " ").title()}
        work["stock_schema_fragment"] = stock
        if number % 3 == 0:
            work["subtype"] = vocabulary.SUBTYPES[work_type][number // 3 % len(vocabulary.SUBTYPES[work_type])]
        if number % 5 == 0:
            work["sync_metadata"] = self._sync(number, created, modified)
        work["tags"] = pick(self._shared.tags)
        if number % 2 == 0:
            work["target_close_date"] = times.render((created // times.DAY + 30) * times.DAY)
        work["title"] = pick(vocabulary.TITLES).format(part=part["name"]) + (f" (no. {number})" if number % 4 else "")
        match work_type:
            case "issue":
                self._issue(work, number, created)
            case "ticket":
                self._ticket(work, number, created, modified)
            case "opportunity":
                self._opportunity(work, number)
            case _:  # tasks have the shared fields only
                pass
        return work

    def _pick(self, choices: Sequence[Any]) -> Any:
        return choices[int(self._rng.random() * len(choices))]  # several times faster than random.choice

    def _issue(self, work: Work, number: int, created: int) -> None:
        if number % 2:
            work["actual_start_date"] = times.render(created + times.DAY)
        work["developed_with"] = self._pick(self._shared.developed_with)
        if number % 3 == 0:
            work["estimated_effort"] = number % 16 * 0.5
        priority = self._pick(self._shared.priorities)
        work |= {"priority": priority["label"].lower(), "priority_v2": priority}
        if number % 3 == 0:
            self._sla.attach(work, number, created)
        if number % 4:
            work["sprint"] = self._pick(self._organisation.sprints)
        if number % 2 == 0:
            work["target_start_date"] = times.render((created // times.DAY + 7) * times.DAY)

    def _ticket(self, work: Work, number: int, created: int, modified: int) -> None:
        company = int(self._rng.random() * len(vocabulary.COMPANIES))
        channel = number % 5
        if number % 7:
            work["account"] = self._organisation.accounts[company]
        work |= {"channels": _CHANNELS[channel], "channels_v2": self._shared.channels[channel]}
        if number % 3:
            work["group"] = self._pick(self._organisation.groups)
        work |= {"is_frozen": number % 50 == 0, "is_spam": number % 40 == 0, "needs_response": number % 4 == 0}
        if number % 7:
            work["rev_org"] = self._organisation.rev_orgs[company]
        if number % 4 == 1:
            work["sentiment"] = self._pick(self._shared.sentiments)
            work["sentiment_modified_date"] = times.render(modified)
            work["sentiment_summary"] = 'The customer wrote "again?" and wants a call.'
        work["severity"] = self._pick(_SEVERITIES)
        if number % 2 == 0:
            self._sla.attach(work, number, created)
        work["source_channel"] = _CHANNELS[channel][0]
        work["source_channel_v2"] = self._organisation.channels[channel]
        work["visibility"] = self._shared.visibilities[number % 2]

    def _opportunity(self, work: Work, number: int) -> None:
        currency = _CURRENCIES[number % 3]
        work["account"] = self._pick(self._organisation.accounts)
        work["annual_contract_value"] = {"amount": f"{number * 120}.00", "currency": currency}
        work["contacts"] = self._pick(self._shared.reporters)
        work["forecast_category_v2"] = self._pick(self._shared.forecasts)
        work["value"] = {"amount": f"{number * 100}.50", "currency": currency}

    def _artifact(self) -> dict[str, Any]:
        n = next(self._artifacts)
        file = {"type": "text/csv", "name": f'report "{n}".csv', "size": 2_048 + n}
        return {**self._organisation.ids.both("ARTIFACT", n), "file": file}

    def _custom_fields(self, number: int) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "tnt__region": self._pick(_CUSTOM_TEXTS),
            "tnt__effort": number % 9 + 0.25,
            "tnt__confirmed": number % 2 == 0,
        }
        if number % 2 == 0:
            fields |= {"tnt__platforms": ["web", "ios"], "tnt__build": number, "ctype__reviewed": None}
        return fields

    def _sync(self, number: int, created: int, modified: int) -> dict[str, Any]:
        unit = self._shared.sync_units[number // 5 % 4]
        sync: dict[str, Any] = {
            "external_record_id": f"R-{number}",
            "external_record_type": "bug",
            "external_reference": f"https://tracker.example.com/browse/R-{number}",
            "last_sync_in": {
                "status": ("succeeded", "modified", "failed", "staged")[number // 20 % 4],
                "sync_date": times.render(created + 3_600_000_000),
                "sync_unit": unit,
            },
        }
        if number % 10 == 0:
            status = ("succeeded", "modified", "failed")[number // 10 % 3]
            sync["last_sync_out"] = {"status": status, "sync_date": times.render(modified), "sync_unit": unit}
        sync["origin_system"] = unit["external_system_type"]
        return sync


def _sync_unit(n: int, ids: Ids) -> dict[str, Any]:
    system = ("jira", "zendesk", "github", "linear")[n]
    return {
        **ids.both("SYNC", n + 1),
        "external_sync_unit_name": f"Project {n + 1}",
        "external_system_id": f"sys-{n + 1}",
        "external_system_name": f"{system}.example.com",
        "external_system_type": system,
        "is_archived": n == 3,
        "name": f"{system} sync",
        "sync_run": {"mode": "sync_to_devrev", "progress": {"state": "completed"}},
        "sync_type": "periodic" if n % 2 else "manual",
    }


def _hidden_fields(work_type: str, n: int) -> Mapping[str, Any]:
    facts: dict[str, Any] = {"vista": [f"VISTA-{n % 4 + 1}"], "is_staged": n == 11}
    if work_type == "issue" and n % 2:
        facts |= {"accounts": [f"ACC-{n % 6 + 1}"], "rev_orgs": [f"REV-{n % 6 + 1}"], "group": f"GROUP-{n % 3 + 1}"}
    if work_type == "ticket" and n % 3 == 0:
        facts["brand"] = f"BRAND-{n // 3 + 1}"
    return facts


_HIDDEN_FIELDS = {work_type: [_hidden_fields(work_type, n) for n in range(12)] for work_type in vocabulary.STAGES}
