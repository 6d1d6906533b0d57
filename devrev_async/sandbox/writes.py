"""Applies checked create and update requests: the old work and the request give the new work."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import api_errors, ids, times
from .clock import Clock
from .organisation import Organisation, Summary, enum_value
from .quirks import Quirks
from .row import Work, timestamp
from .store import Store

# Requests can write these and no answer of the API shows them; they are kept with the row.
_HIDDEN_FIELDS = frozenset(
    {
        "amount",
        "customer_budget",
        "embedded",
        "forecast_category",
        "is_archived",
        "probability",
        "stage_validation_options",
        "staged_info",
        "start_date",
    }
)
_PREFIXES = {"tnt__": "tenant_fragment", "ctype__": "subtype"}


class WorkWriter:
    """Applies requests to works, on behalf of `Organisation.me`. Each `set_` method changes one field."""

    def __init__(self, organisation: Organisation, store: Store, clock: Clock, quirks: Quirks) -> None:
        self._organisation = organisation
        self._store = store
        self._clock = clock
        self._quirks = quirks
        self._resolution = max(times.micros_of(quirks.stamp_resolution), times.MILLISECOND)

    def create(self, body: Mapping[str, Any]) -> tuple[Work, dict[str, Any]]:
        """Returns the new work, complete, and its hidden fields."""
        work_type = str(body["type"])
        now = times.render(self._now())
        ref = self._organisation.ids.both(ids.BY_TYPE[work_type].prefix, self._store.next_number(work_type))
        me = self._organisation.me
        work: Work = {"type": work_type, "created_by": me, "created_date": now, **ref}
        work |= {"modified_by": me, "modified_date": now}
        if work_type == "issue":
            work["priority"] = "p2"
        work["stage"] = self._organisation.stages[work_type][0]
        if work_type == "ticket":
            work["severity"] = "low"
        bare = {"owned_by", "reported_by", "developed_with", "channels", "contacts", "artifacts", "tags"}
        request = {key: {"set": value} if key in bare else value for key, value in body.items()}
        if "id" in request.get("stage", {}):
            request["stage"] = {"stage": request["stage"]["id"]}
        hidden_fields = self._apply(work, request)
        return work, hidden_fields

    def update(self, old: Work, body: Mapping[str, Any]) -> tuple[Work, dict[str, Any]]:
        """Returns the changed work, and the hidden fields that the request sets. `old` is not modified."""
        work = dict(old)
        hidden_fields = self._apply(work, body)
        work["modified_by"] = self._organisation.me
        if not self._quirks.keeps_modified_date:
            work["modified_date"] = times.render(self._next_date(old))
        return work, hidden_fields

    def _now(self) -> int:
        return self._clock.micros() // self._resolution * self._resolution

    def _next_date(self, old: Work) -> int:
        now = self._now()
        if self._clock.frozen or self._quirks.stamp_resolution:
            return now
        # Two updates within one millisecond bear different dates, so that tests can tell them apart.
        last = max(timestamp(old.get("modified_date")), timestamp(old.get("created_date")))
        return max(now, last + times.MILLISECOND)

    def _apply(self, work: Work, body: Mapping[str, Any]) -> dict[str, Any]:
        if body.get("custom_fields"):
            _check_custom_schemas(body)
        hidden_fields: dict[str, Any] = {}
        for key, value in body.items():
            if key in _HIDDEN_FIELDS or (key == "priority" and work.get("type") in ("task", "opportunity")):
                hidden_fields[key] = value
            elif value is None:
                work.pop(key, None)
            elif key in _LISTS:
                self._set_list(work, key, value)
            elif key in _FAMILIES:
                work[key] = self._organisation.find(_FAMILIES[key], value, key)
            elif key in _SETTERS:
                _SETTERS[key](self, work, value)
        return hidden_fields

    def _set_list(self, work: Work, key: str, value: Mapping[str, Sequence[str]] | Sequence[str]) -> None:
        # channels_v2 is a bare list on the wire; all others are {"set": [...]}.
        field, wanted = (f"{key}.set", value.get("set")) if isinstance(value, Mapping) else (key, value)
        if wanted is not None:
            work[key] = [self._organisation.find(_LISTS[key], ref, field) for ref in wanted]

    def set_artifacts(self, work: Work, change: Mapping[str, Sequence[str]]) -> None:
        current: list[Summary] = list(work.get("artifacts") or ())
        if "set" in change:
            attached = {item["id"]: item for item in current}
            wanted = [self._organisation.find("artifact", ref, "artifacts.set") for ref in change["set"]]
            current = []
            for item in wanted:
                current.append(attached[item["id"]] if item["id"] in attached else self._orphan(work, item))
        for ref in change.get("add", ()):
            current.append(self._orphan(work, self._organisation.find("artifact", ref, "artifacts.add")))
        for ref in change.get("remove", ()):
            current = [item for item in current if ref not in (item["id"], item.get("display_id"))]
        work["artifacts"] = current

    def _orphan(self, work: Work, artifact: Summary) -> Summary:
        parent = self._store.artifact_parent(artifact["id"])
        if parent is not None:
            same = parent == work["id"]
            kind = "artifact_already_attached_to_a_parent"
            raise api_errors.bad_request(kind, "The artifact has a parent", existing_parent=parent, is_same=same)
        return artifact

    def set_tags(self, work: Work, change: Mapping[str, Sequence[Mapping[str, str]]]) -> None:
        tags: dict[str, Summary] = {item["tag"]["id"]: item for item in work.get("tags") or ()}
        if "set" in change:
            tags = {}
        for item in (*change.get("set", ()), *change.get("add", ())):
            tag = self._organisation.find("tag", item["id"], "tags")
            tags[tag["id"]] = {"tag": tag, "value": item["value"]} if "value" in item else {"tag": tag}
        for item in change.get("remove", ()):
            tags.pop(self._organisation.find("tag", item["id"], "tags.remove")["id"], None)
        work["tags"] = list(tags.values())

    def set_stage(self, work: Work, change: Mapping[str, str]) -> None:
        if not change:
            return
        work_type = str(work.get("type"))
        ref = change.get("stage")
        stage = self._organisation.stage(work_type, name=None if ref else change["name"], ref=ref)
        work["stage"] = stage
        work["state_display_name"] = stage["state"]["name"].replace("_", " ").title()
        if stage["state"]["is_final"]:
            work.setdefault("actual_close_date", times.render(self._now()))
        else:
            work.pop("actual_close_date", None)

    def set_custom_fields(self, work: Work, change: Mapping[str, Any]) -> None:
        fields: dict[str, Any] = {**(work.get("custom_fields") or {}), **change}
        work["custom_fields"] = {key: value for key, value in fields.items() if key not in change or value is not None}

    def set_schema_spec(self, work: Work, spec: Mapping[str, Any]) -> None:
        if "subtype" in spec:
            work["subtype"] = spec["subtype"]
        if spec.get("drop", {}).get("subtype"):
            work.pop("subtype", None)
            fields: dict[str, Any] = work.get("custom_fields") or {}
            work["custom_fields"] = {key: value for key, value in fields.items() if not key.startswith("ctype__")}

    def set_priority(self, work: Work, priority: str) -> None:
        work |= {"priority": priority, "priority_v2": enum_value("priority_v2", int(priority[1]) + 1)}

    def set_priority_v2(self, work: Work, number: int) -> None:
        work["priority_v2"] = enum_value("priority_v2", number)
        if number <= 4:
            work["priority"] = f"p{number - 1}"


def _plain(key: str) -> Callable[[WorkWriter, Work, Any], None]:
    def put(_: WorkWriter, work: Work, value: Any) -> None:
        work[key] = value

    return put


def _date(key: str) -> Callable[[WorkWriter, Work, Any], None]:
    def put(_: WorkWriter, work: Work, value: str) -> None:
        work[key] = times.render(times.parse(value))

    return put


def _enum(key: str) -> Callable[[WorkWriter, Work, Any], None]:
    def put(_: WorkWriter, work: Work, value: int) -> None:
        work[key] = enum_value(key, int(value))

    return put


def _check_custom_schemas(body: Mapping[str, Any]) -> None:
    """Raises an ApiError for custom fields whose schema the request does not name."""
    if body.get("custom_schema_fragments"):
        return
    spec = body.get("custom_schema_spec", {})
    for key in body["custom_fields"]:
        prefix = next((prefix for prefix in _PREFIXES if key.startswith(prefix)), None)
        if not (spec.get(_PREFIXES[prefix]) if prefix else spec.get("apps")):
            raise api_errors.bad_request(
                "customization_validation_error",
                f"Field not in the schemas that the request names: {key}",
                subtype="field_not_in_schema",
                field_name=key,
                reason="name its schema in custom_schema_spec or custom_schema_fragments",
            )


_LISTS = {
    "owned_by": "user",
    "reported_by": "user",
    "contacts": "user",
    "developed_with": "part",
    "channels_v2": "channel",
}
_FAMILIES = {
    "applies_to_part": "part",
    "account": "account",
    "rev_org": "rev_org",
    "group": "group",
    "sprint": "sprint",
    "source_channel_v2": "channel",
}
_SETTERS: dict[str, Callable[[WorkWriter, Work, Any], None]] = {
    "artifacts": WorkWriter.set_artifacts,
    "tags": WorkWriter.set_tags,
    "stage": WorkWriter.set_stage,
    "custom_fields": WorkWriter.set_custom_fields,
    "custom_schema_spec": WorkWriter.set_schema_spec,
    "priority": WorkWriter.set_priority,
    "priority_v2": WorkWriter.set_priority_v2,
    "channels": lambda _, work, value: work.update(channels=value["set"]) if "set" in value else None,
    **{
        key: _plain(key)
        for key in (
            "annual_contract_value",
            "body",
            "custom_schema_fragments",
            "external_ref",
            "is_frozen",
            "is_spam",
            "needs_response",
            "sentiment_summary",
            "severity",
            "source_channel",
            "title",
            "value",
        )
    },
    **{key: _date(key) for key in ("target_close_date", "target_start_date", "sentiment_modified_date")},
    **{key: _enum(key) for key in ("sentiment", "visibility", "forecast_category_v2")},
}
