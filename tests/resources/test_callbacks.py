"""Callbacks that cannot be called are refused before anything is sent, whichever call takes them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from devrev_async import DevRevClient, WorkUpdate
from devrev_async.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.anyio


CALLS: dict[str, Callable[[DevRevClient, Any], object]] = {
    "export_all": lambda devrev, callback: devrev.works.export_all(on_progress=callback),
    "changes": lambda devrev, callback: devrev.works.changes(on_progress=callback),
    "get_many": lambda devrev, callback: devrev.works.get_many([], on_progress=callback),
    "update_many": lambda devrev, callback: devrev.works.update_many([WorkUpdate(id="ISS-1")], on_progress=callback),
}


@pytest.mark.parametrize("name", CALLS)
async def test_on_progress_takes_a_callable(name: str) -> None:
    async with DevRevClient("a-token", base_url="http://127.0.0.1:9") as devrev:
        with pytest.raises(TypeError, match="on_progress takes a callable, not int"):
            CALLS[name](devrev, 5)


@pytest.mark.parametrize("name", CALLS)
async def test_a_coroutine_function_is_no_callback(name: str) -> None:
    async def progressed(_: object) -> None: ...

    class Progressed:
        async def __call__(self, _: object) -> None: ...

    async with DevRevClient("a-token", base_url="http://127.0.0.1:9") as devrev:
        for callback in (progressed, partial(progressed), Progressed()):
            with pytest.raises(TypeError, match="on_progress takes a plain function"):
                CALLS[name](devrev, callback)
    with pytest.raises(TypeError, match="on_event takes a plain function"):
        DevRevClient("a-token", on_event=progressed)


async def test_on_progress_of_files_takes_a_callable(tmp_path: Path) -> None:
    progress: Any = 5
    async with Sandbox(works=1) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
        with pytest.raises(TypeError, match="on_progress takes a callable, not int"):
            await devrev.works.export_to(tmp_path / "works.jsonl", on_progress=progress)
        assert sandbox.requests == []
    assert list(tmp_path.iterdir()) == []
