"""Ids in their two forms: display ids (``ISS-12``) and DONs (``don:core:dvrv-us-1:devo/0SandBox:issue/12``)."""

import re
from typing import NamedTuple

ORGANISATION = "0SandBox"


class Kind(NamedTuple):
    """One kind of object: its family, and the parts of its two ids."""

    family: str  # what a field of the API asks for: a "user", a "part", ...
    type: str  # the discriminator of its summary, where it has one
    prefix: str  # of the display id
    service: str  # of the DON
    segment: str  # of the DON, before the number


KINDS = (
    Kind("work", "issue", "ISS", "core", "issue"),
    Kind("work", "ticket", "TKT", "core", "ticket"),
    Kind("work", "task", "TASK", "core", "task"),
    Kind("work", "opportunity", "OPP", "core", "opportunity"),
    Kind("work", "incident", "INC", "core", "incident"),
    Kind("user", "dev_user", "DEVU", "identity", "devu"),
    Kind("user", "rev_user", "REVU", "identity", "revu"),
    Kind("user", "service_account", "SVCACC", "identity", "svcacc"),
    Kind("user", "sys_user", "SYSU", "identity", "sysu"),
    Kind("part", "product", "PROD", "core", "product"),
    Kind("part", "capability", "CAPL", "core", "capability"),
    Kind("part", "feature", "FEAT", "core", "feature"),
    Kind("part", "enhancement", "ENH", "core", "enhancement"),
    Kind("part", "linkable", "LINK", "core", "linkable"),
    Kind("part", "runnable", "RUN", "core", "runnable"),
    Kind("account", "", "ACC", "identity", "account"),
    Kind("rev_org", "rev_org", "REV", "identity", "revo"),
    Kind("group", "", "GROUP", "identity", "group"),
    Kind("tag", "", "TAG", "core", "tag"),
    Kind("artifact", "", "ARTIFACT", "core", "artifact"),
    Kind("channel", "", "CHAN", "core", "external_communication_channel"),
    Kind("vista", "", "VISTA", "core", "vista"),
    Kind("brand", "", "BRAND", "core", "brand"),
    Kind("sprint", "", "SPRINT", "core", "vista_group_item"),
    Kind("stage", "", "CSTAGE", "core", "custom_stage"),
    Kind("state", "", "CSTATE", "core", "custom_state"),
    Kind("metric", "", "METRIC", "core", "metric_definition"),
    Kind("schedule", "", "SCHED", "core", "org_schedule"),
    Kind("sla", "", "SLA", "core", "sla"),
    Kind("sla_tracker", "", "SLAT", "core", "sla_tracker"),
    Kind("tenant_fragment", "", "TENANT", "core", "tenant_fragment"),
    Kind("sync_unit", "", "SYNC", "integration", "sync_unit"),
)
BY_PREFIX = {kind.prefix: kind for kind in KINDS}
BY_SEGMENT = {kind.segment: kind for kind in KINDS}
BY_TYPE = {kind.type: kind for kind in KINDS if kind.type}

_DISPLAY = re.compile(r"([A-Z]+)-([A-Za-z0-9]+)", re.ASCII)
_DON = re.compile(r"don:.*[:]([a-z_]+)/([^/:]+)", re.ASCII | re.DOTALL)


def recognise(ref: str) -> tuple[Kind, str] | None:
    """Returns the kind and number of a display id or DON, or None for another form or an unknown kind."""
    if match := _DISPLAY.fullmatch(ref):
        kind = BY_PREFIX.get(match[1])
    elif match := _DON.fullmatch(ref):
        kind = BY_SEGMENT.get(match[1])
    else:
        return None
    return (kind, match[2]) if kind else None


def well_formed(ref: str) -> bool:
    """Returns whether `ref` may be an id: it is not empty and has neither white space nor control characters."""
    return bool(ref) and ref.isprintable() and " " not in ref


class Ids:
    """The ids of one organisation."""

    def __init__(self, organisation: str = ORGANISATION) -> None:
        self._scope = f"dvrv-us-1:devo/{organisation}"

    def don(self, prefix: str, number: object) -> str:
        """Returns the DON of the object whose display id is ``prefix-number``."""
        kind = BY_PREFIX[prefix]
        return f"don:{kind.service}:{self._scope}:{kind.segment}/{number}"

    def both(self, prefix: str, number: object) -> dict[str, str]:
        """Returns the two ids, with which every summary begins."""
        return {"display_id": f"{prefix}-{number}", "id": self.don(prefix, number)}

    def forms(self, ref: str) -> tuple[str, ...]:
        """Returns `ref` and, if it is an id, its other form: answers show only one of the two for some objects."""
        recognised = recognise(ref)
        if recognised is None:
            return (ref,)
        kind, number = recognised
        return (ref, f"{kind.prefix}-{number}", self.don(kind.prefix, number))
