"""The queries of docs/guides/incremental.md, as they stand there, over the files of runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

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
    exec(example("python", "scan_parquet"), names)
    rows = names["newest"].select("id", "title").collect().rows()
    assert dict(rows) == truth
