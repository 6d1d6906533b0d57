"""SLA data of generated works: works share policies and metric targets, and each has a tracker of its own."""

import random
from typing import Any

from . import ids, times, vocabulary
from .draws import Draw
from .organisation import Organisation

_STAGES = ("running", "warning", "breached", "completed", "paused")
_METRICS = ("First response", "Next response", "Full resolution")


class SlaFactory:
    """Makes the SLA fields of works."""

    def __init__(self, organisation: Organisation, rng: random.Random) -> None:
        self._ids = organisation.ids
        self._people = organisation.users[:48]
        self._schedules = [
            {
                **self._ids.both("SCHED", n + 1),
                "name": f"Working hours {zone}",
                "status": "published",
                "timezone": zone,
                "valid_until": "2027-12-31T23:59:59.999Z",
                "version_number": n + 1,
            }
            for n, zone in enumerate(vocabulary.TIMEZONES)
        ]
        self._policies = [
            {
                **self._ids.both("SLA", n + 1),
                "name": name,
                "sla_type": ("external", "internal")[n],
                "status": "published",
            }
            for n, name in enumerate(("Premium support", "Internal promise"))
        ]
        self._metrics = [{**self._ids.both("METRIC", n + 1), "name": name} for n, name in enumerate(_METRICS)]
        self._targets = [[self._target(n, m) for m in range(1 + n % 3)] for n in range(60)]
        self._removed = [
            {
                "metric_definition": metric,
                "removed_at": "2024-03-01T10:20:30.4Z",
                "removed_by": rng.choice(self._people),
            }
            for metric in self._metrics
        ]

    def summary(self, draw: Draw) -> dict[str, Any]:
        """Returns the `sla_summary` of a work."""
        number, stage, prefix = draw.number, _STAGES[draw.number // 2 % 5], ids.BY_TYPE[draw.type_name].prefix
        tracker = {
            "created_by": self._people[number % 48],
            "created_date": times.render(draw.created),
            **self._ids.both("SLAT", f"{prefix}{number}"),
            "modified_by": self._people[number * 5 % 48],
            "modified_date": times.render(draw.modified),
            "applies_to_id": self._ids.don(prefix, number),
            "applies_to_type": draw.type_name,
            "metric_target_summaries": self._targets[number % 60],
        }
        if number % 7 == 0:
            tracker["removed_sla_metric_history"] = [self._removed[number % 3]]
        tracker |= {
            "sla": self._policies[number % 2],
            "sla_policy_id": f"policy-{number % 9}",
            "stage": stage,
            "status": "hit" if stage == "completed" else "in_progress",
        }
        return {
            "closest_to_breach_metric": _METRICS[number % 3],
            "org_schedule": self._schedules[number % 4],
            "remaining_time": 600 - number % 1_200,
            "sla_tracker": tracker,
            "stage": stage,
            "target_time": times.render(draw.created + 2 * times.DAY),
        }

    def tracker(self, draw: Draw) -> dict[str, Any]:
        """Returns the `sla_tracker` of a work, which its `sla_summary` has in full."""
        number = f"{ids.BY_TYPE[draw.type_name].prefix}{draw.number}"
        return {**self._ids.both("SLAT", number), "applies_to_type": draw.type_name}

    def _target(self, n: int, m: int) -> dict[str, Any]:
        day = f"2024-{n % 12 + 1:02}-{m + 10}"
        target: dict[str, Any] = {}
        if n % 5 == 2:
            target["breached_at"] = f"{day}T15:00:00.25Z"
        if n % 5 == 3:
            target |= {"completed_at": f"{day}T12:34:56.7Z", "completed_in": 90 + n, "completed_in_seconds": 5_400 + n}
        return target | {
            "in_policy": n % 5 != 2,
            "is_out_of_schedule": n % 4 == 0,
            "metric_definition": self._metrics[m],
            "next_schedule_transition": f"{day}T17:00:00Z",
            "org_schedule": self._schedules[n % 4],
            "org_schedule_version": n % 4 + 1,
            "remaining_time": 240 - n,
            "stage": _STAGES[n % 5],
            "status": "active",
            "target_time": f"{day}T16:00:00Z",
            "warning_target_time": f"{day}T14:30:00.125Z",
        }
