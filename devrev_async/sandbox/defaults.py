"""Completes a user's own work."""

from typing import Any

from . import ids, times
from .clock import Clock
from .ids import Ids
from .organisation import Organisation
from .row import Work
from .store import Store


def complete(given: Work, organisation: Organisation, store: Store, clock: Clock) -> Work:
    """Returns `given` with the fields that every work of the API has; values that are there stay, nulls included."""
    work_type = given.get("type", _type_of(given))
    kind = ids.BY_TYPE.get(work_type if isinstance(work_type, str) else "issue", ids.BY_TYPE["issue"])
    now = times.render(clock.micros() // times.MILLISECOND * times.MILLISECOND)
    created = given.get("created_date", now)
    stages = organisation.stages.get(kind.type, organisation.stages["issue"])
    missing: dict[str, Any] = {
        "type": work_type,
        "created_by": organisation.me,
        "created_date": created,
        **_refs(given, kind, organisation.ids, store),
        "modified_by": organisation.me,
        "modified_date": created,
        "applies_to_part": organisation.parts[0],
        "owned_by": [organisation.me],
        "stage": stages[0],
    }
    work = given if missing.keys() <= given.keys() else missing | given
    work.setdefault("title", f"{kind.type.title()} {work.get('display_id', work['id'])}")
    return work


def _type_of(given: Work) -> str:
    for key in ("id", "display_id"):
        recognised = ids.recognise(given[key]) if isinstance(given.get(key), str) else None
        if recognised and recognised[0].family == "work":
            return recognised[0].type
    return "issue"


def _refs(given: Work, kind: ids.Kind, own: Ids, store: Store) -> dict[str, str]:
    """Returns both ids, each derived from the other where only one is given."""
    for key in ("display_id", "id"):
        recognised = ids.recognise(given[key]) if isinstance(given.get(key), str) else None
        if recognised:
            return own.both(recognised[0].prefix, recognised[1])
    if "id" in given:
        return {}
    return own.both(kind.prefix, store.next_number(kind.type))
