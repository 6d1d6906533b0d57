"""The queries of docs/guides/incremental.md, as they stand there, over the files of runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devrev_async.sandbox import Sandbox, run_in_thread

from .serving import serving

pytestmark = pytest.mark.anyio

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "incremental.md"


def example(language: str, word: str) -> str:
    (text,) = [text for text in re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.DOTALL) if word in text]
    return str(text)


async def titles_by_run(folder: Path) -> dict[str, str]:
    """Three runs, with changes between; the truth after them."""
    async with serving(works=30) as (sandbox, client):
        for run in range(3):
            sandbox.clock.advance(3600)
            for id in sandbox.ids()[run : run + 9]:
                sandbox.update(id, {"title": f"run {run}"})
            sandbox.clock.advance(1)
            await client.works.sync(folder / "tickets.state", folder / "tickets", format="parquet")
        return {id: sandbox.get(id)["title"] for id in sandbox.ids()}


async def test_newest_of_each_id_with_duckdb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    duckdb: Any = pytest.importorskip("duckdb")
    truth = await titles_by_run(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert dict(duckdb.sql(f"select id, title from ({example('sql', 'qualify')})").fetchall()) == truth


async def test_newest_of_each_id_with_polars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("polars")
    truth = await titles_by_run(tmp_path)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(example("python", "tickets/works-"), names)
    rows = names["newest"].select("id", "title").collect().rows()
    assert dict(rows) == truth


@pytest.mark.parametrize(
    ("word", "table"),
    [("if not exists positions", "copy.works"), ("works/works-*", "read_parquet('{}/works.parquet')")],
    ids=["duckdb", "polars"],
)
def test_a_copy_of_all_works_is_the_truth_after_each_run(tmp_path: Path, word: str, table: str) -> None:
    duckdb: Any = pytest.importorskip("duckdb")
    program = tmp_path / "program.py"
    program.write_text(example("python", word), encoding="utf-8")
    with run_in_thread(Sandbox(works=60)) as sandbox:
        env = {**os.environ, "DEVREV_TOKEN": sandbox.token, "DEVREV_BASE_URL": sandbox.url}
        for run in range(2):
            sandbox.clock.advance(3600)
            sandbox.update_many(sandbox.ids()[run : run + 9], {"title": f"run {run}"})
            sandbox.add({"title": f"added before run {run}"})
            sandbox.clock.advance(1)
            done = subprocess.run(
                [sys.executable, str(program)], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
            with duckdb.connect() as database:
                if table == "copy.works":
                    database.execute(f"attach '{tmp_path / 'devrev.duckdb'}' as copy")
                rows = database.execute(f"select id, title from {table.format(tmp_path)}").fetchall()
            assert sorted(rows) == sorted((id, sandbox.get(id)["title"]) for id in sandbox.ids())
