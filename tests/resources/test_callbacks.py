"""Callbacks that cannot be called are refused before anything is sent, whichever call takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from devrev_async import DevRevClient, WorkUpdate
from devrev_async.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "call",
    [
        lambda devrev, callback: devrev.works.export_all(on_progress=callback),
        lambda devrev, callback: devrev.works.changes(on_progress=callback),
        lambda devrev, callback: devrev.works.get_many([], on_progress=callback),
        lambda devrev, callback: devrev.works.update_many([WorkUpdate(id="ISS-1")], on_progress=callback),
    ],
    ids=["export_all", "changes", "get_many", "update_many"],
)
async def test_on_progress_takes_a_callable(call: Callable[[DevRevClient, Any], object]) -> None:
    async with DevRevClient("a-token", base_url="http://127.0.0.1:9") as devrev:
        with pytest.raises(TypeError, match="on_progress takes a callable, not int"):
            call(devrev, 5)


async def test_on_progress_of_files_takes_a_callable(tmp_path: Path) -> None:
    progress: Any = 5
    async with Sandbox(works=1) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
        with pytest.raises(TypeError, match="on_progress takes a callable, not int"):
            await devrev.works.export_to(tmp_path / "works.jsonl", on_progress=progress)
        assert sandbox.requests == []
    assert list(tmp_path.iterdir()) == []
