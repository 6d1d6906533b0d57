"""Made-up exports in the shape of the API's reference page: every field of an issue is there, about 7.2 kB a work."""

from __future__ import annotations

import gzip
import json
import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FORMS", "make", "write"]

FORMS = {"compact": 5000, "pretty": 5000, "shuffled": 5000, "bodies": 1000}
"""What works can look like, and how many of them there are: "bodies" has texts of 64 KB."""

_TEXT = (
    "the export stalls while a customer waits for an answer that nobody owns since the last release changed how sync "
    "retries behave under load and the dashboard shows a stale sprint until somebody reloads it twice naïve café"
)
_WORDS = _TEXT.split()
_DEV = "dvrv-us-1:devo/1kT"


class _Organisation:
    """The users, parts, tags and so on that works refer to again and again."""

    def __init__(self, rnd: random.Random) -> None:
        self.rnd = rnd
        self.users = [self._user(n) for n in range(1, 151)]
        self.parts = [self._part(n) for n in range(1, 61)]
        self.tags = [self._tag(n) for n in range(1, 91)]
        self.stages = [self._stage(n) for n in range(1, 13)]
        self.sprints = [self._sprint(n) for n in range(1, 25)]
        self.schedules = [self._schedule(n) for n in range(1, 6)]
        self.slas = [self._sla(n) for n in range(1, 7)]
        self.metrics = [self._named("metric_definition", "MET", n) for n in range(1, 9)]
        self.units = [self._unit(n) for n in range(1, 7)]
        self.priorities = [
            {"id": n, "label": f"P{n - 1}", "ordinal": n, "value": None} for n in range(1, 5)
        ]  # fmt: skip

    def _named(self, kind: str, prefix: str, n: int) -> dict[str, Any]:
        return {
            "display_id": f"{prefix}-{n}",
            "id": f"don:core:{_DEV}:{kind}/{n}",
            "name": " ".join(self.rnd.choices(_WORDS, k=3)),
        }

    def _user(self, n: int) -> dict[str, Any]:
        name = f"user-{n:03}"
        picture = {
            "display_id": f"ARTIFACT-{1000 + n}",
            "id": f"don:core:{_DEV}:artifact/{1000 + n}",
            "file": {"type": "image/png", "name": "a.png", "size": 2048 + n},
        }
        return {
            "type": "dev_user",
            "display_id": f"DEVU-{n}",
            "id": f"don:identity:{_DEV}:devu/{n}",
            "display_name": name,
            "display_picture": picture,
            "email": f"{name}@example.com",
            "full_name": name.title(),
            "state": "active",
        }

    def _part(self, n: int) -> dict[str, Any]:
        kind = ("product", "capability", "feature", "enhancement")[n % 4]
        return {
            "type": kind,
            **self._named(kind, kind[:4].upper(), n),
            "owned_by": [self.rnd.choice(self.users)],
            "sync_metadata": {"external_reference": f"EX-{n}", "origin_system": "jira"},
        }

    def _tag(self, n: int) -> dict[str, Any]:
        tag = {**self._named("tag", "TAG", n), "style_new": {"color": f"#{n * 4099 % 0xFFFFFF:06x}"}}
        return {"tag": tag, "value": "set"}

    def _stage(self, n: int) -> dict[str, Any]:
        name = f"stage_{n}"
        custom = {"display_id": f"CSTG-{n}", "id": f"don:core:{_DEV}:custom_stage/{n}", "name": name}
        state = {"display_id": f"CST-{n % 3}", "id": f"don:core:{_DEV}:custom_state/{n % 3}", "is_final": n > 9}
        return {
            "name": name,
            "notes": "",
            "ordinal": n,
            "stage": custom,
            "state": {**state, "name": ("open", "in_progress", "closed")[n % 3]},
        }

    def _sprint(self, n: int) -> dict[str, Any]:
        return {
            "type": "curated",
            "end_date": self.date(),
            "id": f"don:core:{_DEV}:vista/1:group_item/{n}",
            "name": f"Sprint {n}",
            "start_date": self.date(),
            "state": "active",
        }

    def _schedule(self, n: int) -> dict[str, Any]:
        named = self._named("org_schedule", "ORGS", n)
        return {**named, "status": "published", "timezone": "Europe/Berlin", "valid_until": self.date()}

    def _sla(self, n: int) -> dict[str, Any]:
        return {**self._named("sla", "SLA", n), "sla_type": "external", "status": "published"}

    def _unit(self, n: int) -> dict[str, Any]:
        return {
            "display_id": f"SYNCU-{n}",
            "id": f"don:integration:{_DEV}:sync_unit/{n}",
            "external_system_type": "adaas",
            "is_archived": False,
            "name": f"unit {n}",
            "sync_run": {"mode": "initial", "progress": {"state": "completed"}},
            "sync_type": "manual",
        }

    def date(self) -> str:
        rnd = self.rnd
        day = f"2025-{rnd.randint(1, 12):02}-{rnd.randint(1, 28):02}"
        return f"{day}T{rnd.randint(0, 23):02}:{rnd.randint(0, 59):02}:00.{rnd.randint(0, 999):03}Z"

    def work(self, n: int, body: str) -> dict[str, Any]:
        rnd = self.rnd
        pick = rnd.choice
        return {
            "type": "issue",
            "created_by": pick(self.users),
            "created_date": self.date(),
            "display_id": f"ISS-{n}",
            "id": f"don:core:{_DEV}:issue/{n}",
            "modified_by": pick(self.users),
            "modified_date": self.date(),
            "actual_close_date": self.date(),
            "applies_to_part": pick(self.parts),
            "artifacts": [
                {
                    "display_id": f"ARTIFACT-{10_000 + n}",
                    "id": f"don:core:{_DEV}:artifact/{10_000 + n}",
                    "file": {"type": "text/plain", "name": f"log-{n}.txt", "size": 100 + n},
                }
            ],
            "body": body,
            "custom_fields": {"tnt__team": f"team-{n % 9}", "tnt__score": n % 100, "tnt__blocked": n % 7 == 0},
            "custom_schema_fragments": [f"don:core:{_DEV}:custom_type_fragment/{n % 3}"],
            "owned_by": rnd.sample(self.users, k=2 if n % 5 == 0 else 1),
            "reported_by": [pick(self.users)],
            "stage": pick(self.stages),
            "stock_schema_fragment": f"don:core:{_DEV}:stock_schema_fragment/77",
            "subtype": f"subtype_{n % 5}",
            "sync_metadata": {
                "external_reference": f"https://example.com/items/{n}",
                "last_sync_in": {"status": "succeeded", "sync_date": self.date(), "sync_unit": pick(self.units)},
                "last_sync_out": {"status": "succeeded", "sync_date": self.date(), "sync_unit": pick(self.units)},
                "origin_system": "jira",
            },
            "tags": rnd.sample(self.tags, k=n % 4),
            "target_close_date": self.date(),
            "title": f"{n}: " + " ".join(rnd.choices(_WORDS, k=7)),
            "actual_start_date": self.date(),
            "developed_with": [pick(self.parts)],
            "estimated_effort": n % 40 / 4,
            "priority": f"p{n % 4}",
            "priority_v2": self.priorities[n % 4],
            "sla_summary": self._sla_summary(n),
            "sla_tracker": {
                "display_id": f"SLAT-{n}",
                "id": f"don:core:{_DEV}:sla_tracker/{n}",
                "applies_to_type": "issue",
            },
            "sprint": pick(self.sprints),
            "target_start_date": self.date(),
        }

    def _sla_summary(self, n: int) -> dict[str, Any]:
        pick = self.rnd.choice
        target = {
            "breached_at": self.date(),
            "completed_at": self.date(),
            "completed_in": n,
            "in_policy": True,
            "is_out_of_schedule": False,
            "metric_definition": pick(self.metrics),
            "next_schedule_transition": self.date(),
            "org_schedule": pick(self.schedules),
            "remaining_time": n % 600,
            "stage": "running",
            "status": "hit",
            "target_time": self.date(),
            "warning_target_time": self.date(),
        }
        removed = {
            "metric_definition": pick(self.metrics),
            "removed_at": self.date(),
            "removed_by": pick(self.users),
        }  # fmt: skip
        tracker = {
            "created_by": pick(self.users),
            "created_date": self.date(),
            "display_id": f"SLAT-{n}",
            "id": f"don:core:{_DEV}:sla_tracker/{n}",
            "modified_by": pick(self.users),
            "modified_date": self.date(),
            "applies_to_id": f"don:core:{_DEV}:issue/{n}",
            "applies_to_type": "issue",
            "metric_target_summaries": [target],
            "removed_sla_metric_history": [removed] if n % 3 == 0 else [],
            "sla": pick(self.slas),
            "sla_policy_id": f"don:core:{_DEV}:sla_policy/{n % 4}",
            "stage": "running",
            "status": "hit",
        }
        return {
            "closest_to_breach_metric": f"don:core:{_DEV}:metric_definition/{n % 8}",
            "org_schedule": pick(self.schedules),
            "remaining_time": n % 600,
            "sla_tracker": tracker,
            "stage": "running",
            "target_time": self.date(),
        }


def make(count: int, form: str = "compact", *, seed: int = 7) -> bytes:
    """The body of an answer of `works.export`, before any compression."""
    rnd = random.Random(seed)
    organisation = _Organisation(rnd)
    works: list[dict[str, Any]] = []
    for n in range(1, count + 1):
        length = 11_500 if form == "bodies" else rnd.randint(20, 70)
        text = " ".join(rnd.choices(_WORDS, k=length))
        works.append(organisation.work(n, f'{text[:200]}\n\nSee "<don:core:{_DEV}:issue/{n}>".\n{text[200:]}'))
    if form == "shuffled":
        works = [dict(rnd.sample(list(work.items()), k=len(work))) for work in works]
    if form == "pretty":
        return json.dumps({"works": works}, indent=2, ensure_ascii=False).encode()
    return json.dumps({"works": works}, separators=(",", ":"), ensure_ascii=False).encode()


def write(folder: Path) -> None:
    """Write all forms into a folder, the compact one also compressed, and the answer to a `works.get`."""
    for form, count in FORMS.items():
        (folder / f"{form}.json").write_bytes(make(count, form))
    compact = (folder / "compact.json").read_bytes()
    (folder / "compact.gz").write_bytes(gzip.compress(compact, 6))
    work = json.loads(make(1))["works"][0]
    (folder / "work.json").write_bytes(json.dumps({"work": work}, separators=(",", ":")).encode())
