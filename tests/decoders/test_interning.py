"""Equal bytes give one object, the values are those of a plain decode, and what is kept is bounded."""

import gc
import pickle
from typing import Any

import msgspec
import pytest

from devrev_async import Issue, Opportunity, Task, Ticket, UnknownWork, Work
from devrev_async._decoders import interning as _shared
from devrev_async._decoders.interning import InterningDecoder
from devrev_async.models import SlaSummary, SlaTracker, SyncIn, SyncMetadata
from tests.decoders.bodies import compact, expected, issue, read, small_page, tiny, user

FIT = {"account": {"id": "acc"}, "contacts": [user(1)]}


def _decode(works: list[dict[str, Any]], decoder: InterningDecoder | None = None) -> list[Work]:
    return (decoder or InterningDecoder()).decode(compact(works))


def test_equal_bytes_are_one_object_everywhere() -> None:
    decoder = InterningDecoder()
    first, second = _decode([issue(0), issue(3)], decoder)
    (third,) = _decode([issue(6)], decoder)
    for work in (second, third):
        assert work.created_by is first.created_by
        assert work.owned_by is first.owned_by
        assert work.stage is first.stage
        assert isinstance(work, Issue)
        assert isinstance(first, Issue)
        assert work.sla_summary is not None
        assert first.sla_summary is not None
        assert work.sla_summary.org_schedule is first.sla_summary.org_schedule
        assert work.tags is not None
        assert first.tags is not None
        assert work.tags[1] is first.tags[1]
    assert first.owned_by is not None
    assert first.owned_by[0] is first.created_by  # a user is one object in a field and in a list


def test_other_bytes_are_other_objects() -> None:
    one, two = _decode([issue(0), issue(1)])
    assert one.created_by != two.created_by


@pytest.mark.parametrize("type_", ["issue", "ticket", "task", "opportunity"])
def test_values_are_those_of_a_plain_decode(type_: str) -> None:
    works = [{**issue(n, **FIT), "type": type_} for n in range(9)]
    works += [{"type": type_, "id": "bare"}, {**dict.fromkeys(works[0]), "type": type_, "id": "nulls"}]
    got = _decode(works)
    assert got == expected(works)
    plain = msgspec.json.decode(compact(works), type=list[Issue | Ticket | Task | Opportunity])
    assert [work.to_dict() for work in got] == [work.to_dict() for work in plain]
    assert pickle.loads(pickle.dumps(got)) == plain


def test_no_shadow_and_no_raw_is_left() -> None:
    (work,) = _decode([issue(1)])
    assert type(work) is Issue
    assert type(work.sla_summary) is SlaSummary
    assert type(work.sla_summary.sla_tracker) is SlaTracker
    assert type(work.sync_metadata) is SyncMetadata
    assert type(work.sync_metadata.last_sync_in) is SyncIn

    def walk(value: object) -> None:
        assert type(value).__module__ != "msgspec"
        assert not isinstance(value, msgspec.Raw)
        if isinstance(value, msgspec.Struct):
            for name in value.__struct_fields__:
                walk(getattr(value, name))
        elif isinstance(value, tuple):
            for item in value:  # pyright: ignore[reportUnknownVariableType]
                walk(item)  # pyright: ignore[reportUnknownArgumentType]

    walk(work)


def test_shared_objects_are_frozen_and_untouched_by_later_bytes() -> None:
    works = [issue(n) for n in range(60)]
    body = compact({"works": works})
    page = small_page()
    page.feed(body)
    page.finish()
    first = page.take()
    assert first is not None
    before = [work.to_json() for work in first]
    while page.take() is not None:
        pass
    gc.collect()
    assert [work.to_json() for work in first] == before
    with pytest.raises(AttributeError):
        setattr(first[0].created_by, "id", "x")  # noqa: B010 - what type checkers refuse


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_shared, "MAX_KEPT", 5000)
    decoder = InterningDecoder()
    for start in range(0, 500, 10):
        works = [issue(n, created_by=user(n), owned_by=[user(n), user(n + 1)]) for n in range(start, start + 10)]
        assert _decode(works, decoder) == expected(works)
        assert decoder.sharing.kept <= 5000


def test_a_huge_part_is_not_kept() -> None:
    decoder = InterningDecoder()
    huge = {**user(1), "full_name": "x" * _shared.MAX_PART}
    one, two = _decode([issue(0, created_by=huge), issue(1, created_by=huge)], decoder)
    assert one.created_by == two.created_by
    assert decoder.sharing.kept < 5000


@pytest.mark.parametrize(
    "odd",
    [
        {"type": "incident"}, {"type": None}, {"id": None}, {"created_by": "me"}, {"owned_by": [None]}, {"tags": [None]},
        {"tags": {}}, {"owned_by": {}}, {"sla_summary": {"org_schedule": 1}}, {"sync_metadata": []}, {"title": 5},
        {"stage": {"ordinal": "one"}}, {"created_date": "2025-01-01T00:00:00"}, {"sla_summary": {"sla_tracker": []}},
        {"sla_summary": {"sla_tracker": {"created_by": 1}}},
    ],
    ids=str,
)  # fmt: skip
def test_a_work_that_does_not_fit_leaves_the_others_as_they_are(odd: dict[str, Any]) -> None:
    works = [issue(0), tiny(1), {**issue(2), **odd}, issue(3), tiny(4)]
    for at in range(5):
        turned = works[at:] + works[:at]
        got = read([compact({"works": turned})])
        place = turned.index(works[2])
        kind = "unknown" if {"type", "id"} & odd.keys() else "invalid"
        assert [type(work) is UnknownWork for work in got.works] == [kind == "unknown" and n == place for n in range(5)]
        assert got.works == expected(turned)
        assert [(misfit.number, misfit.kind) for misfit in got.misfits] == [(place, kind)]
        if kind == "unknown":
            assert got.works[place].to_json() == compact(works[2])
        else:
            assert got.works[place].invalid == odd
            assert got.works[place].to_dict() == {**expected([issue(2)])[0].to_dict(), **odd}


def test_works_beside_one_that_does_not_fit_are_still_shared() -> None:
    got = read([compact({"works": [issue(n, title=None if n else 5) for n in range(0, 30, 3)]})])
    assert got.works[0].invalid == {"title": 5}
    assert len({id(work.created_by) for work in got.works[1:]}) == 1
