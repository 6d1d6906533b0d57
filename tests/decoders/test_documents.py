"""Thousands of made-up documents: what is cut equals what is decoded work by work.

Hypothesis finds and shrinks what is odd; plain random documents, much cheaper to make, are the many.
"""

import json
import random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devrev_async._decoders.fallback import decode_one
from tests.decoders.bodies import LOOKALIKE, issue, read, small_page
from tests.effort import examples

_texts: st.SearchStrategy[str] = st.one_of(
    st.text(max_size=12),
    st.sampled_from([LOOKALIKE, '"},{"', "\\", '\\"', "]}", "works", '{"works":[', "\u2028", "\U0001f9a6", "\n"]),
)
_numbers: st.SearchStrategy[int | float] = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False)
)
_json: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), _numbers, _texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(_texts, st.sampled_from(["type", "id", "works"])), inner, max_size=3),
    ),
    max_leaves=8,
)
_users: st.SearchStrategy[Any] = st.sampled_from(
    [None, {"id": "1"}, {"type": "dev_user", "id": "2", "full_name": LOOKALIKE}, {"x": {"id": "1"}}]
)
_tags: st.SearchStrategy[Any] = st.sampled_from(
    [{"tag": {"id": "a"}}, {"tag": {"id": "b", "name": "},{"}, "value": ""}, {}]
)
_fields: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"type": st.sampled_from(["issue", "ticket", "task", "opportunity"]), "id": _texts},
    optional={
        "title": _texts,
        "body": _texts,
        "created_by": _users,
        "owned_by": st.one_of(st.none(), st.lists(_users.filter(bool), max_size=3)),
        "tags": st.one_of(st.none(), st.lists(_tags, max_size=3)),
        "custom_fields": st.one_of(st.none(), st.dictionaries(_texts, _json, max_size=2)),
        "sla_summary": st.sampled_from([None, {}, {"sla_tracker": {"created_by": {"id": "1"}, "sla": None}}]),
        "sync_metadata": st.sampled_from(
            [None, {}, {"last_sync_in": {"sync_unit": {"id": "u"}}, "last_sync_out": None}]
        ),
        "created_date": st.sampled_from([None, "2025-01-02T03:04:05.678Z"]),
        "surprise": _json,
    },
)


def _reordered(fields: dict[str, Any], order: int) -> dict[str, Any]:
    return dict(sorted(fields.items(), key=lambda item: hash((order, item[0]))))


def _with(fields: dict[str, Any], odd: dict[str, Any]) -> dict[str, Any]:
    return {**fields, **odd}


_good: st.SearchStrategy[Any] = st.builds(_reordered, _fields, st.integers(0, 3))
_odd: st.SearchStrategy[Any] = st.one_of(
    _json,
    st.builds(_with, _fields, st.sampled_from(
        [{"type": "incident"}, {"type": None}, {"id": 5}, {"owned_by": [None]}, {"created_by": "me"}, {"tags": {}},
         {"title": 1}, {"created_date": "today"}, {"sla_summary": []}, {"stage": {"ordinal": "x"}}])),
)  # fmt: skip


@st.composite
def _documents(draw: st.DrawFn, works: st.SearchStrategy[Any]) -> tuple[bytes, list[bytes], list[bytes]]:
    """A body, the texts of its works, and the same body in pieces."""
    space = draw(st.sampled_from(["", "", "", " ", "\n  ", "\r\n\t"]))
    ascii_only = draw(st.booleans())

    def text(value: object) -> str:
        return json.dumps(value, separators=(f"{space},", f":{space}"), ensure_ascii=ascii_only)

    texts = [text(work) for work in draw(st.lists(works, max_size=14))]
    around = st.dictionaries(
        _texts.filter(lambda key: key not in ("works", "next_cursor", "prev_cursor")), _json, max_size=2
    )
    pairs = [f"{text(key)}:{space}{text(value)}" for key, value in draw(around).items()]
    at = draw(st.integers(0, len(pairs)))
    pairs.insert(at, f'"works"{space}:{space}[{space}' + f"{space},{space}".join(texts) + f"{space}]")
    body = f"{space}{{{space}{f',{space}'.join(pairs)}{space}}}{space}".encode()
    cuts = sorted(draw(st.sets(st.integers(0, len(body)), max_size=6)))
    pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    return body, [one.encode() for one in texts], pieces


def _check(document: tuple[bytes, list[bytes], list[bytes]], batch: int, *, eager: bool = False) -> None:
    _, texts, pieces = document
    got = read(pieces, small_page(batch, batch), eager=eager)
    wanted = [decode_one(one) for one in texts]
    assert got.works == [work for work, _ in wanted]
    assert [type(work) for work in got.works] == [type(work) for work, _ in wanted]
    assert [work.to_json() for work in got.works] == [work.to_json() for work, _ in wanted]
    assert [misfit.number for misfit in got.misfits] == [
        n for n, (_, reason) in enumerate(wanted) if reason is not None
    ]


@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.too_slow])
@given(_documents(_good), st.sampled_from([30, 120, 500, 4000]))
def test_works_that_fit(document: tuple[bytes, list[bytes], list[bytes]], batch: int) -> None:
    _check(document, batch)


@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.too_slow])
@given(_documents(st.one_of(_good, _good, _odd)), st.sampled_from([30, 120, 500, 4000]))
def test_works_of_which_some_do_not(document: tuple[bytes, list[bytes], list[bytes]], batch: int) -> None:
    _check(document, batch)


_ODD: list[Any] = [None, 5, "x", [], {}, {"type": "incident", "id": "1"}, {"type": "issue"}, {"type": "task", "id": "1", "tags": 5},
        {"type": "issue", "id": "1", "owned_by": [None]}, {"type": "issue", "id": "\ud800"}]  # fmt: skip


def _random_value(rnd: random.Random, depth: int = 0) -> Any:
    kind = rnd.randrange(9 if depth < 3 else 6)
    if kind < 6:
        text = rnd.choice([LOOKALIKE, '"},{"', "\\", ']}"', "\u2028\U0001f9a6", "works", ""])
        return rnd.choice([None, True, -1, -1.5e-7, 2**63, text])
    if kind == 6:
        return [_random_value(rnd, depth + 1) for _ in range(rnd.randrange(4))]
    keys = ["type", "id", "works", LOOKALIKE, "x"]
    return {rnd.choice(keys): _random_value(rnd, depth + 1) for _ in range(rnd.randrange(4))}


def _random_work(rnd: random.Random, odd: float) -> Any:
    if rnd.random() < odd:
        return rnd.choice([*_ODD, _random_value(rnd)])
    fields = {**issue(rnd.randrange(6)), "surprise": _random_value(rnd)}
    names = [name for name in fields if name not in ("type", "id") and rnd.random() < 0.3]
    names += ["type", "id"]
    if rnd.random() < 0.7:
        rnd.shuffle(names)
    else:
        names.reverse()
    return {name: fields[name] for name in names}


def _random_document(rnd: random.Random) -> tuple[bytes, list[bytes], list[bytes]]:
    space, odd = rnd.choice(["", "", " ", "\n  "]), rnd.choice([0, 0, 0.1, 0.5])
    separators = (f"{space},{space}", f"{space}:{space}")
    texts = [json.dumps(_random_work(rnd, odd), separators=separators) for _ in range(rnd.randrange(20))]
    more = [f'"more{n}":{json.dumps(_random_value(rnd))}' for n in range(rnd.randrange(3))]
    more.insert(rnd.randint(0, len(more)), f'"works"{space}:[{space}{separators[0].join(texts)}{space}]')
    body = f"{{{separators[0].join(more)}}}".encode()
    cuts = sorted(rnd.randint(0, len(body)) for _ in range(rnd.randrange(8)))
    pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    return body, [text.encode() for text in texts], pieces


@settings(max_examples=examples(30))
@given(st.integers(0, 2**32))
def test_random_documents(seed: int) -> None:
    rnd = random.Random(seed)
    for _ in range(100):
        _check(_random_document(rnd), rnd.choice([30, 300, 1000, 4000]), eager=rnd.random() < 0.4)
