"""The values that generated works share: half of the memory and most of the speed is that these are few objects."""

import random
from typing import Any

from . import vocabulary
from .ids import Ids
from .organisation import Organisation, enum_value


class SharedValues:
    """Lists of values for generated works to choose from."""

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
