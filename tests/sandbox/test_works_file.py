"""Works that are read from a file."""

import gzip
import tracemalloc
from pathlib import Path
from typing import Any

import msgspec
import pytest

from devrev_async.sandbox import Sandbox, generator
from tests.sandbox.conftest import Api

pytestmark = pytest.mark.anyio


def lines(works: list[dict[str, Any]]) -> bytes:
    return b"".join(msgspec.json.encode(work) + b"\n" for work in works)


@pytest.mark.parametrize("name", ["works.jsonl", "works.jsonl.gz"])
@pytest.mark.parametrize("kind", [Path, str])
async def test_an_export_comes_back_as_it_is(tmp_path: Path, name: str, kind: type[Any]) -> None:
    works = list(generator.generate(250, 3))
    text = lines(works)
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    async with Sandbox(works=kind(tmp_path / name)) as sandbox, Api.over(sandbox) as api:
        body = {"first": 5000, "sort_by": ["created_date:asc"]}
        async with api.session.post(f"{sandbox.url}/works.export", json=body) as response:
            answer = await response.read()
        assert answer == b'{"works":[' + text.rstrip(b"\n").replace(b"\n", b",") + b"]}"
        created = await api.post(
            "works.create", {"type": "task", "title": "new", "applies_to_part": "PROD-1", "owned_by": ["DEVU-1"]}, 201
        )
        assert created["work"]["id"] not in {work["id"] for work in works}


async def test_short_lines_are_completed(tmp_path: Path) -> None:
    path = tmp_path / "few.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"display_id":"TKT-7"}\r\n\n  \n{"type":"issue","title":"half \\ud83d"}')
    sandbox = Sandbox(works=path)
    ticket, issue = sorted(map(sandbox.get, sandbox.ids()), key=lambda work: str(work["type"]), reverse=True)
    assert (ticket["type"], ticket["title"]) == ("ticket", "Ticket TKT-7")
    assert (issue["title"], issue["display_id"]) == ("half \ud83d", "ISS-1")


def test_works_without_an_id_are_given_one_that_no_other_has() -> None:
    sandbox = Sandbox(works=[{"title": "a"}, {"display_id": "ISS-1"}, {"id": "don:core:x:devo/0:issue/2"}])
    assert {sandbox.get(ref).get("display_id") for ref in sandbox.ids()} == {"ISS-1", "ISS-2", "ISS-3"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b'{"id":"a"}\n{"id":', r"works\.jsonl, line 2: .*truncated"),
        (b'{"id":"a"}\n\n[1]\n', r"works\.jsonl, line 3: a JSON object is expected, not array"),
        (b"null", r"line 1: a JSON object is expected, not null"),
        (b'{"id":"\xff"}', r"line 1: "),
        (b'{"id":NaN}', r"line 1: "),
        (b'{"a":' + b"[" * 100_000, r"line 1: nested too deeply"),
        (b'{"id":"ISS-1"}\n{"display_id":"ISS-1"}\n', r"line 2: the sandbox already has a work 'ISS-1'"),
    ],
)
def test_mistaken_lines_are_named(tmp_path: Path, text: bytes, says: str) -> None:
    path = tmp_path / "works.jsonl"
    path.write_bytes(text)
    with pytest.raises(ValueError, match=says):
        Sandbox(works=path)


def test_a_gzip_file_that_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "works.jsonl.gz"
    path.write_bytes(gzip.compress(lines(list(generator.generate(50, 3))))[:-20])
    with pytest.raises(ValueError, match=r"works\.jsonl\.gz: no complete gzip file"):
        Sandbox(works=path)
    path.write_bytes(b'{"id":"a"}')
    with pytest.raises(ValueError, match="no complete gzip file"):
        Sandbox(works=path)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Sandbox(works=tmp_path / "none.jsonl")
    with pytest.raises(IsADirectoryError):
        Sandbox(works=tmp_path)
    (tmp_path / "empty.jsonl").touch()
    assert len(Sandbox(works=tmp_path / "empty.jsonl")) == 0


def test_equal_values_of_a_large_file_are_kept_once(tmp_path: Path) -> None:
    works = list(generator.generate(2000, 3))
    path = tmp_path / "works.jsonl"
    path.write_bytes(lines(works))
    tracemalloc.start()
    sandbox = Sandbox(works=path)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(sandbox) == 2000
    assert size / 2000 < 9_000  # three times that with every value on its own


def test_negative_numbers_of_works_are_refused() -> None:
    with pytest.raises(ValueError, match="works must be at least 0"):
        Sandbox(works=-1)
