"""The fields of generated works, each a function of the work's draw."""

from collections.abc import Callable
from typing import Any

from . import ids, times, vocabulary
from .draws import WORK_TYPES, Draw
from .organisation import Organisation
from .row import Work
from .shared_values import SharedValues
from .sla import SlaFactory

Fields = dict[str, Callable[[Draw], Any]]
"""By name, in the order of an answer; None is a field that this work does not have."""

_CHANNELS = (["email"], ["plug"], ["slack", "email"], ["twilio_sms"], ["twilio"])
_CURRENCIES = ("EUR", "USD", "INR")
_STATE_NAMES = {state: state.replace("_", " ").title() for state in vocabulary.STATES}
_PRIORITIES = ("p0", "p1", "p2", "p3")


class WorkFields:
    """Makes works of their draws. What is made of one draw is always equal, and shares most of its values."""

    def __init__(self, organisation: Organisation, shared: SharedValues, sla: SlaFactory) -> None:
        self._organisation = organisation
        self._shared = shared
        self._sla = sla
        self._fragments = [organisation.ids.don("TENANT", 7)]
        own = {"issue": self._of_issues, "ticket": self._of_tickets, "opportunity": self._of_opportunities}
        self._fields = [{**self._of_all(name), **own.get(name, dict)()} for name in WORK_TYPES]

    def work(self, draw: Draw) -> Work:
        """Returns the whole work."""
        fields = self._fields[draw.work_type].items()
        return {key: value for key, field in fields if (value := field(draw)) is not None}

    def value(self, draw: Draw, key: str) -> Any:
        """Returns one field of the work, or None."""
        field = self._fields[draw.work_type].get(key)
        return None if field is None else field(draw)

    def _of_all(self, work_type: str) -> Fields:
        users, parts, shared = self._organisation.users, self._organisation.parts, self._shared
        stages, prefix = self._organisation.stages[work_type], ids.BY_TYPE[work_type].prefix
        closed = [stage["state"]["is_final"] for stage in stages]
        state_names = [_STATE_NAMES[stage["state"]["name"]] for stage in stages]
        id_start = self._organisation.ids.don(prefix, "")
        stock = f"don:core:dvrv-us-1:stock_sf/{WORK_TYPES.index(work_type) + 1}"
        subtypes = vocabulary.SUBTYPES[work_type]
        return {
            "type": lambda _: work_type,
            "created_by": lambda draw: users[draw.created_by],
            "created_date": lambda draw: times.render(draw.created),
            "display_id": lambda draw: f"{prefix}-{draw.number}",
            "id": lambda draw: f"{id_start}{draw.number}",
            "modified_by": lambda draw: users[draw.modified_by],
            "modified_date": lambda draw: times.render(draw.modified),
            "actual_close_date": lambda draw: times.render(draw.modified) if closed[draw.stage] else None,
            "applies_to_part": lambda draw: parts[draw.part],
            "artifacts": lambda draw: self._artifacts(draw.artifact) if draw.artifact else None,
            "body": lambda draw: shared.bodies[draw.body] if draw.number % 25 else None,
            "custom_fields": lambda draw: None if draw.number % 3 else _custom_fields(draw),
            "custom_schema_fragments": lambda draw: None if draw.number % 3 else self._fragments,
            "external_ref": lambda draw: None if draw.number % 8 else f"legacy-{work_type}-{draw.number}",
            "owned_by": lambda draw: shared.owners[draw.owners],
            "reported_by": lambda draw: shared.reporters[draw.reporters],
            "stage": lambda draw: stages[draw.stage],
            "state_display_name": lambda draw: state_names[draw.stage],
            "stock_schema_fragment": lambda _: stock,
            "subtype": lambda draw: None if draw.number % 3 else subtypes[draw.number // 3 % len(subtypes)],
            "sync_metadata": lambda draw: None if draw.number % 5 else self._sync(draw),
            "tags": lambda draw: shared.tags[draw.tags],
            "target_close_date": lambda draw: None if draw.number % 2 else _days_later(draw, 30),
            "title": self._title,
        }

    def _of_issues(self) -> Fields:
        shared, sprints = self._shared, self._organisation.sprints
        return {
            "actual_start_date": lambda draw: times.render(draw.created + times.DAY) if draw.number % 2 else None,
            "developed_with": lambda draw: shared.developed_with[draw.developed_with],
            "estimated_effort": lambda draw: None if draw.number % 3 else draw.number % 16 * 0.5,
            "priority": lambda draw: _PRIORITIES[draw.priority],
            "priority_v2": lambda draw: shared.priorities[draw.priority],
            "sla_summary": lambda draw: None if draw.number % 3 else self._sla.summary(draw),
            "sla_tracker": lambda draw: None if draw.number % 3 else self._sla.tracker(draw),
            "sprint": lambda draw: sprints[draw.sprint] if draw.number % 4 else None,
            "target_start_date": lambda draw: None if draw.number % 2 else _days_later(draw, 7),
        }

    def _of_tickets(self) -> Fields:
        organisation, shared = self._organisation, self._shared
        return {
            "account": lambda draw: organisation.accounts[draw.company] if draw.number % 7 else None,
            "channels": lambda draw: _CHANNELS[draw.number % 5],
            "channels_v2": lambda draw: shared.channels[draw.number % 5],
            "group": lambda draw: organisation.groups[draw.group] if draw.number % 3 else None,
            "is_frozen": lambda draw: draw.number % 50 == 0,
            "is_spam": lambda draw: draw.number % 40 == 0,
            "needs_response": lambda draw: draw.number % 4 == 0,
            "rev_org": lambda draw: organisation.rev_orgs[draw.company] if draw.number % 7 else None,
            "sentiment": lambda draw: shared.sentiments[draw.sentiment] if draw.number % 4 == 1 else None,
            "sentiment_modified_date": lambda draw: times.render(draw.modified) if draw.number % 4 == 1 else None,
            "sentiment_summary": lambda draw: vocabulary.SENTIMENT_SUMMARY if draw.number % 4 == 1 else None,
            "severity": lambda draw: vocabulary.SEVERITIES[draw.severity],
            "sla_summary": lambda draw: None if draw.number % 2 else self._sla.summary(draw),
            "sla_tracker": lambda draw: None if draw.number % 2 else self._sla.tracker(draw),
            "source_channel": lambda draw: _CHANNELS[draw.number % 5][0],
            "source_channel_v2": lambda draw: organisation.channels[draw.number % 5],
            "visibility": lambda draw: shared.visibilities[draw.number % 2],
        }

    def _of_opportunities(self) -> Fields:
        shared, accounts = self._shared, self._organisation.accounts
        return {
            "account": lambda draw: accounts[draw.company],
            "annual_contract_value": lambda draw: _money(f"{draw.number * 120}.00", draw),
            "contacts": lambda draw: shared.reporters[draw.contacts],
            "forecast_category_v2": lambda draw: shared.forecasts[draw.forecast],
            "value": lambda draw: _money(f"{draw.number * 100}.50", draw),
        }

    def _title(self, draw: Draw) -> str:
        title = vocabulary.TITLES[draw.title].format(part=self._organisation.parts[draw.part]["name"])
        return title + (f" (no. {draw.number})" if draw.number % 4 else "")

    def _artifacts(self, first: int) -> list[dict[str, Any]]:
        return [self._artifact(first), self._artifact(first + 1)]

    def _artifact(self, n: int) -> dict[str, Any]:
        file = {"type": "text/csv", "name": f'report "{n}".csv', "size": 2_048 + n}
        return {**self._organisation.ids.both("ARTIFACT", n), "file": file}

    def _sync(self, draw: Draw) -> dict[str, Any]:
        number, unit = draw.number, self._shared.sync_units[draw.number // 5 % 4]
        sync: dict[str, Any] = {
            "external_record_id": f"R-{number}",
            "external_record_type": "bug",
            "external_reference": f"https://tracker.example.com/browse/R-{number}",
            "last_sync_in": {
                "status": ("succeeded", "modified", "failed", "staged")[number // 20 % 4],
                "sync_date": times.render(draw.created + 3_600_000_000),
                "sync_unit": unit,
            },
        }
        if number % 10 == 0:
            status = ("succeeded", "modified", "failed")[number // 10 % 3]
            sync["last_sync_out"] = {"status": status, "sync_date": times.render(draw.modified), "sync_unit": unit}
        sync["origin_system"] = unit["external_system_type"]
        return sync


def _days_later(draw: Draw, days: int) -> str:
    return times.render((draw.created // times.DAY + days) * times.DAY)


def _custom_fields(draw: Draw) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "tnt__region": vocabulary.CUSTOM_TEXTS[draw.region],
        "tnt__effort": draw.number % 9 + 0.25,
        "tnt__confirmed": draw.number % 2 == 0,
    }
    if draw.number % 2 == 0:
        fields |= {"tnt__platforms": ["web", "ios"], "tnt__build": draw.number, "ctype__reviewed": None}
    return fields


def _money(amount: str, draw: Draw) -> dict[str, str]:
    return {"amount": amount, "currency": _CURRENCIES[draw.number % 3]}
