"""Makes whole objects from the summaries that works show; the rest is made up, and always the same."""

from collections.abc import Callable
from typing import Any

from . import times, vocabulary
from .organisation import Organisation, Summary

Built = dict[str, Any]
Build = Callable[[Summary, int, Organisation], Built]

_BEGIN = times.parse("2021-03-01T09:00:00Z")
_HOUR = 3_600_000_000
_TIERS = ("gold", "silver", "bronze")


def part(summary: Summary, n: int, organisation: Organisation) -> Built:
    """Returns the part of that summary, the `n`-th that the organisation knows. The other functions do likewise."""
    return {"type": summary.get("type"), **_object(summary, n, organisation)}


def user(summary: Summary, n: int, organisation: Organisation) -> Built:
    return _object(summary, n, organisation)


def rev_user(summary: Summary, n: int, organisation: Organisation) -> Built:
    rev_org = organisation.rev_orgs[n % len(organisation.rev_orgs)]
    return {**_object(summary, n, organisation), "external_ref": f"customer-{n + 1}", "rev_org": rev_org}


def account(summary: Summary, n: int, organisation: Organisation) -> Built:
    name = vocabulary.COMPANIES[n % len(vocabulary.COMPANIES)].split()[0].lower()
    domain = f"{name if name.isascii() else 'account'}-{n + 1}.example.com"
    return {
        **_object(summary, n, organisation),
        "domains": [domain],
        "external_refs": [f"crm-{n + 1}"],
        "owned_by": [organisation.users[n % 48]],
        "tier": _TIERS[n % 3],
        "websites": [f"https://{domain}"],
    }


def tag(summary: Summary, n: int, organisation: Organisation) -> Built:
    return _object(summary, n, organisation)


def _object(summary: Summary, n: int, organisation: Organisation) -> Built:
    created = _BEGIN + n * 7 * _HOUR
    shown = {key: value for key, value in summary.items() if key != "type"}
    return {
        "created_by": organisation.users[n % 48],
        "created_date": times.render(created),
        "modified_by": organisation.users[n * 5 % 48],
        "modified_date": times.render(created + n % 90 * times.DAY + 250_000),
        **shown,
    }
