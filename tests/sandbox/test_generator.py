"""The made-up works: their shape, their variety, their cost."""

import collections
import hashlib
import random
import re
import time
import tracemalloc
from typing import Any

import msgspec
import pytest

from devrev_async.sandbox import Sandbox, generator, times
from devrev_async.sandbox.ids import Ids
from tests.spec import document, validate_response


def test_every_generated_work_fits_the_strict_schema() -> None:
    for work in random.Random(1).sample(generator.generate(2000, 3), 300):
        validate_response("works.get", {"work": work})


def test_the_same_arguments_make_the_same_works() -> None:
    assert generator._generate(200, 7) == generator._generate(200, 7)
    assert generator._generate(200, 7) != generator._generate(200, 8)


def test_a_seed_has_the_same_works_in_every_version() -> None:
    works = generator.generate(60, 7)
    assert hashlib.sha256(msgspec.json.encode(works)).hexdigest()[:16] == "a650506a78b14c55", (
        "the works of a seed have changed: users' tests may name them"
    )


def test_works_are_of_many_kinds() -> None:
    works = generator.generate(2000, 3)
    types = collections.Counter(work["type"] for work in works)
    assert types["issue"] + types["ticket"] > 1600
    assert min(types["task"], types["opportunity"]) > 50
    assert len({work["id"] for work in works}) == len({work["display_id"] for work in works}) == 2000
    dates = collections.Counter(work["created_date"] for work in works)
    assert max(dates.values()) > 1  # ties
    assert {date[:4] for date in dates} == {"2022", "2023", "2024", "2025"}
    fractions = {len(date.rstrip("Z").partition(".")[2]) for date in dates}
    assert fractions == {0, 1, 2, 3}  # as Go prints them
    bodies = "".join(work.get("body", "") for work in works)
    assert set('\n\r\t"\\|') < set(bodies)
    assert any(ord(letter) > 0xFFFF for letter in bodies)
    for key in ("sla_summary", "sync_metadata", "custom_fields", "artifacts", "external_ref", "subtype", "sprint"):
        assert 0 < sum(key in work for work in works) < 2000, key
    sizes = sorted(len(msgspec.json.encode(work)) for work in works)
    assert sizes[len(sizes) // 10] < 3_500
    assert sizes[-len(sizes) // 5] > 6_500


def test_all_fields_of_answers_occur() -> None:
    works: list[Any] = list(generator.generate(2000, 3))
    found = {
        work_type: {key for work in works if work["type"] == work_type for key in work}
        for work_type in ("issue", "ticket", "task", "opportunity")
    }
    for work_type, keys in found.items():
        assert keys == set(document()["components"]["schemas"][f"work--{work_type}"]["properties"])


def test_nobody_in_it_is_real() -> None:
    text = msgspec.json.encode(generator.generate(500, 3)).decode()
    assert set(re.findall(r"@([\w.-]+)", text)) <= {"example.com", "example.org", "example.net"}
    assert set(re.findall(r"https?://([\w.-]+)", text)) <= {"tracker.example.com"}


def test_generating_is_cheap_enough_for_large_stores() -> None:
    # Bounds with much room: they are meant to catch a change of kind, not a slow machine.
    started = time.process_time()
    tracemalloc.start()
    works = generator._generate(4_000, 1)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size / len(works) < 3_000
    assert time.process_time() - started < 10


def test_own_works_are_completed_and_keep_their_values() -> None:
    sandbox = Sandbox(
        works=[
            {"display_id": "TKT-7", "title": "mine"},
            {"id": "don:core:dvrv-us-1:devo/0SandBox:task/3"},
            {"type": "incident", "surprise": {"deep": [None]}, "owned_by": None},
            {"id": "anything", "type": 5},
            {},
        ]
    )
    ticket, task, incident, odd, empty = map(sandbox.get, sandbox.ids())
    assert (ticket["type"], ticket["id"], ticket["title"]) == ("ticket", Ids().don("TKT", 7), "mine")
    assert (task["type"], task["display_id"]) == ("task", "TASK-3")
    assert (incident["type"], incident["owned_by"], incident["surprise"]) == ("incident", None, {"deep": [None]})
    assert (odd["id"], odd["type"]) == ("anything", 5)
    for work in (ticket, task, empty):
        validate_response("works.get", {"work": work})


def test_taken_ids_raise() -> None:
    sandbox = Sandbox(works=[{"display_id": "TKT-7"}])
    for taken in ({"display_id": "TKT-7"}, {"id": Ids().don("TKT", 7)}):
        with pytest.raises(ValueError, match="already has"):
            sandbox.add(taken)
    assert sandbox.get(sandbox.add({"type": "ticket"}))["display_id"] == "TKT-8"


def test_what_one_gets_is_a_copy() -> None:
    sandbox = Sandbox(works=5)
    ref = sandbox.ids()[0]
    sandbox.get(ref)["title"] = "changed"
    sandbox.get(ref)["owned_by"].clear()
    mine = {"title": "given"}
    given = sandbox.add(mine)
    mine["title"] = "changed"
    assert sandbox.get(ref)["title"] != "changed"
    assert sandbox.get(ref)["owned_by"]
    assert sandbox.get(given)["title"] == "given"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z"),
        ("2024-01-02T03:04:05.000Z", "2024-01-02T03:04:05Z"),
        ("2024-01-02T03:04:05.960Z", "2024-01-02T03:04:05.96Z"),
        ("2024-01-02T03:04:05.123456789Z", "2024-01-02T03:04:05.123456Z"),
        ("2024-01-02t03:04:05.5+05:30", "2024-01-01T21:34:05.5Z"),
        ("2024-01-01T00:00:00-01:00", "2024-01-01T01:00:00Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    ],
)
def test_timestamps_are_shown_as_go_does(text: str, shown: str) -> None:
    assert times.render(times.parse(text)) == shown


@pytest.mark.parametrize(
    "text", ["", "2024-01-02", "2024-01-02T03:04:05", "2024-13-02T03:04:05Z", "2024-01-02 03:04:05Z"]
)
def test_what_is_no_timestamp(text: str) -> None:
    with pytest.raises(ValueError):
        times.parse(text)
