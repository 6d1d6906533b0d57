"""Who and what works refer to: users, parts, tags, accounts and the rest of the made-up organisation.

Summaries are shared between works and never changed, which is what keeps hundreds of thousands of works in memory.
"""

import random
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from . import api_errors, ids, vocabulary
from .ids import Ids
from .row import objects

Summary = dict[str, Any]

_PRIORITIES = ("P0", "P1", "P2", "P3")
_SENTIMENTS = ("Delighted", "Happy", "Neutral", "Unhappy", "Frustrated")
_FORECASTS = ("Omitted", "Pipeline", "Upside", "Strong Upside", "Commit", "Won")
_VISIBILITIES = ("Internal", "External")
STOCK_ENUMS: dict[str, tuple[str, ...]] = {
    "priority_v2": _PRIORITIES,
    "sentiment": _SENTIMENTS,
    "forecast_category_v2": _FORECASTS,
    "visibility": _VISIBILITIES,
}
# Fields of a work, and the family that their values belong to.
_REFERENCES = {
    "account": "account",
    "applies_to_part": "part",
    "contacts": "user",
    "created_by": "user",
    "developed_with": "part",
    "modified_by": "user",
    "owned_by": "user",
    "reported_by": "user",
    "tags": "tag",
}
_CLOSED_ENUMS = {"visibility"}  # an organisation can extend the other three


class Organisation:
    """The organisation of one seed. An unknown id is given a made-up object, and is known from then on."""

    def __init__(self, seed: int, name: str = ids.ORGANISATION) -> None:
        self.ids = Ids(name)
        self._rng = random.Random(f"directory {seed}")
        self._known: dict[tuple[str, str], Summary] = {}
        self._families: defaultdict[str, list[Summary]] = defaultdict(list)
        self._custom_stages: dict[str, Summary] = {}
        self.users: list[Summary] = []
        self.customers: list[Summary] = []
        self.rev_orgs = [
            self._add("rev_org", {"type": "rev_org", **self.ids.both("REV", n + 1), "display_name": name})
            for n, name in enumerate(vocabulary.COMPANIES)
        ]
        self.accounts = [
            self._add("account", {**self.ids.both("ACC", n + 1), "display_name": name})
            for n, name in enumerate(vocabulary.COMPANIES)
        ]
        self._hire()
        self.parts = [self._add("part", self._part(n, name)) for n, name in enumerate(vocabulary.PART_NAMES)]
        self.tags = [
            self._add(
                "tag", {**self.ids.both("TAG", n + 1), "name": name, "style_new": {"color": vocabulary.COLORS[n % 6]}}
            )
            for n, name in enumerate(vocabulary.TAG_NAMES)
        ]
        self.groups = [
            self._add("group", {**self.ids.both("GROUP", n + 1), "member_type": "dev_user", "name": name})
            for n, name in enumerate(vocabulary.GROUPS)
        ]
        self.sprints = [self._add("sprint", _sprint(n, self.ids)) for n in range(48)]
        self.channels = [self._add("channel", self.ids.both("CHAN", n + 1)) for n in range(5)]
        self.stages = {
            work_type: [self._stage(work_type, n) for n in range(len(stages))]
            for work_type, stages in vocabulary.STAGES.items()
        }

    @property
    def me(self) -> Summary:
        """The user on whose behalf requests are made."""
        return self.users[0]

    def find(self, family: str, ref: str, field: str) -> Summary:
        """Returns the summary that answers show for `ref`, a display id or DON of `family`.

        Raises:
            ApiError: 400 unexpected_id_type where `ref` is the id of something else (an issue as an owner).
        """
        for form in self.ids.forms(ref):
            if (family, form) in self._known:
                return self._known[family, form]
        recognised = ids.recognise(ref)
        if recognised is not None and recognised[0].family != family:
            allowed = sorted(kind.type or kind.family for kind in ids.KINDS if kind.family == family)
            raise api_errors.wrong_id_type(field, ref, allowed)
        return self._add(family, self._make_up(family, ref, recognised))

    def stage(self, work_type: str, *, name: str | None = None, ref: str | None = None) -> Summary:
        """Returns the stage of that name, or with that id; a name that is no stock stage makes a custom stage."""
        wanted = self.ids.forms(ref) if ref is not None else ()
        for stage in self.stages.get(work_type, self.stages["issue"]):
            if stage["stage"]["id"] in wanted or (ref is None and stage["name"] == name):
                return stage
        summary = self.find("stage", ref, "stage.stage") if ref is not None else self._custom_stage(str(name))
        state = {"id": self.ids.don("CSTATE", 2), "is_final": False, "name": "in_progress"}
        return {"name": summary["name"], "ordinal": 3000, "stage": summary, "state": state}

    def _custom_stage(self, name: str) -> Summary:
        if name not in self._custom_stages:
            summary = {"id": self.ids.don("CSTAGE", 1_000 + len(self._custom_stages)), "name": name}
            self._custom_stages[name] = self._add("stage", summary)
        return self._custom_stages[name]

    def members(self, family: str, *, start: int = 0) -> list[Summary]:
        """Returns the known members of one family from the `start`-th on, in the order in which they became known."""
        return self._families[family][start:]

    def remember(self, work: Mapping[str, Any]) -> None:
        """Adds what a user's own work refers to; the summary of what is known already stays."""
        for key, family in _REFERENCES.items():
            for item in objects(work.get(key)):
                for summary in objects(item.get("tag")) if key == "tags" else (item,):
                    if isinstance(summary.get("id"), str) and (family, summary["id"]) not in self._known:
                        self._add(family, summary)

    def _add(self, family: str, summary: Summary) -> Summary:
        for key in ("id", "display_id"):
            if isinstance(summary.get(key), str):
                self._known[family, summary[key]] = summary
        self._families[family].append(summary)
        return summary

    def _hire(self) -> None:
        for n in range(48):
            self.users.append(self._add("user", self._person("DEVU", "dev_user", n)))
        for n in range(24):
            person = self._person("REVU", "rev_user", n + 48)
            person |= {"external_ref": f"crm-{7000 + n}", "rev_org": self.rev_orgs[n % len(self.rev_orgs)]}
            self.customers.append(self._add("user", person))
        bot = {
            "type": "service_account",
            **self.ids.both("SVCACC", 1),
            "display_name": "Sync bot",
            "full_name": "Sync bot",
        }
        self.users.append(self._add("user", bot | {"email": "sync-bot@example.com", "state": "active"}))
        # Real payloads of sys_user have neither e-mail nor state.
        self.users.append(
            self._add("user", {"type": "sys_user", **self.ids.both("SYSU", 1), "display_name": "devrev-bot"})
        )

    def _person(self, prefix: str, user_type: str, n: int) -> Summary:
        first = vocabulary.FIRST_NAMES[n % len(vocabulary.FIRST_NAMES)]
        last = vocabulary.LAST_NAMES[(n * 7 + n // len(vocabulary.FIRST_NAMES)) % len(vocabulary.LAST_NAMES)]
        user: Summary = {"type": user_type, **self.ids.both(prefix, n + 1), "display_name": f"{first.lower()}-{n + 1}"}
        if n % 3 == 0:
            file = {"type": "image/png", "name": f"{first.lower()}.png", "size": 8_000 + 37 * n}
            user["display_picture"] = {**self.ids.both("ARTIFACT", 900_000 + n), "file": file}
        user["email"] = f"{user['display_name']}@example.{'com' if prefix == 'DEVU' else 'org'}"
        user["full_name"] = f"{first} {last}"
        user["state"] = "deactivated" if n % 17 == 16 else "active"
        return user

    def _part(self, n: int, name: str) -> Summary:
        prefix = ("PROD", "CAPL", "CAPL", "FEAT", "FEAT", "FEAT", "ENH", "ENH", "LINK", "RUN")[n % 10]
        owners = self._rng.sample(self.users[:48], 1 + n % 2)
        part: Summary = {
            "type": ids.BY_PREFIX[prefix].type,
            **self.ids.both(prefix, n + 1),
            "name": name,
            "owned_by": owners,
        }
        if n % 6 == 0:
            part["sync_metadata"] = {
                "external_reference": f"https://tracker.example.com/c/{n}",
                "origin_system": "jira",
            }
        return part

    def _stage(self, work_type: str, n: int) -> Summary:
        name, state = vocabulary.STAGES[work_type][n]
        number = list(vocabulary.STAGES).index(work_type) * 100 + n + 1
        stage = self._add("stage", {"id": self.ids.don("CSTAGE", number), "name": name})
        final = state == "closed"
        shown = {"id": self.ids.don("CSTATE", vocabulary.STATES.index(state) + 1), "is_final": final, "name": state}
        # Real payloads have the id of the stage and never its display id.
        return {"name": name, "notes": "", "ordinal": 500 + 250 * n, "stage": stage, "state": shown}

    def _make_up(self, family: str, ref: str, recognised: tuple[ids.Kind, str] | None) -> Summary:
        kind, number = recognised or (next(k for k in ids.KINDS if k.family == family), "")
        if recognised and ref.startswith("don:"):
            base: Summary = {"display_id": f"{kind.prefix}-{number}", "id": ref}
        elif recognised:
            base = dict(self.ids.both(kind.prefix, number))
        else:
            base = {"id": ref}
        if kind.type and family != "work":
            base = {"type": kind.type, **base}
        if family in ("sprint", "stage"):
            shown = base.pop("display_id", ref)  # the API never shows the display id of these
            return base | self._made_up_details(family, shown)
        return base | self._made_up_details(family, base.get("display_id", ref))

    def _made_up_details(self, family: str, shown: str) -> Summary:
        match family:
            case "user":
                slug = shown.lower()
                email = f"{slug}@example.net" if slug.isascii() and slug.replace("-", "").isalnum() else None
                names = {"display_name": slug, "full_name": f"Made Up ({shown})", "state": "active"}
                return names | ({"email": email} if email else {})
            case "part":
                return {"name": f"Part {shown}", "owned_by": [self.me]}
            case "account" | "rev_org":
                return {"display_name": f"Company {shown}"}
            case "group":
                return {"member_type": "dev_user", "name": f"Group {shown}"}
            case "tag" | "stage":
                return {"name": shown.lower()}
            case "sprint":
                return {"type": "curated", "name": f"Sprint {shown}", "state": "planned"}
            case "artifact":
                return {"file": {"type": "text/plain", "name": f"{shown}.txt", "size": 1_024}}
            case _:
                return {}


def enum_value(field: str, number: int) -> Summary:
    """Returns what answers show for the enum id `number` of `field`.

    Raises:
        ApiError: 400 value_not_permitted outside of an enum that cannot be extended.
    """
    labels = STOCK_ENUMS[field]
    if 1 <= number <= len(labels):
        return {"id": number, "label": labels[number - 1], "ordinal": number}
    if field in _CLOSED_ENUMS or number < 1:
        raise api_errors.not_permitted(field, "unknown enum id", [str(n + 1) for n in range(len(labels))])
    return {"id": number, "label": f"Custom {number}", "ordinal": number}


def _sprint(n: int, ids: Ids) -> Summary:
    # There is one sprint a month from January 2022, so that sprints and works are of the same years.
    year, month = 2022 + n // 12, n % 12 + 1
    state = "completed" if n < 45 else ("active" if n == 45 else "planned")
    return {
        "type": "curated" if n % 4 else "dynamic",
        "id": ids.don("SPRINT", n + 1),
        "end_date": f"{year}-{month:02}-28T17:00:00Z",
        "name": f"Sprint {year}.{month}",
        "start_date": f"{year}-{month:02}-01T09:00:00Z",
        "state": state,
    }
