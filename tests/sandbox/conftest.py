"""A plain aiohttp client whose every answer is checked against the strict schema."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from devrev_async.sandbox import Sandbox
from tests.spec import validate_response


class Api:
    """Calls the sandbox the way a stranger would."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self.session = session

    async def post(self, endpoint: str, body: object, status: int = 200) -> Any:
        async with self.session.post(f"{self.sandbox.url}/{endpoint}", json=body) as response:
            return await self._checked(endpoint, response, status)

    async def query(self, endpoint: str, query: str = "", status: int = 200) -> Any:
        """GET with the query string as it stands."""
        async with self.session.get(f"{self.sandbox.url}/{endpoint}{query}") as response:
            return await self._checked(endpoint, response, status)

    async def refused(self, endpoint: str, body: object, **fields: object) -> Any:
        """A 400 whose body has these fields."""
        answer = await self.post(endpoint, body, 400)
        assert {key: answer.get(key) for key in fields} == fields
        return answer

    async def _checked(self, endpoint: str, response: aiohttp.ClientResponse, status: int) -> Any:
        answer = await response.json()
        assert response.status == status, answer
        validate_response(endpoint, answer, status)
        return answer


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


async def _api(sandbox: Sandbox) -> AsyncIterator[Api]:
    headers = {"Authorization": f"Bearer {sandbox.token}"}
    async with sandbox, aiohttp.ClientSession(headers=headers) as session:
        yield Api(sandbox, session)


@pytest.fixture
async def api(anyio_backend: str) -> AsyncIterator[Api]:
    async for one in _api(Sandbox(works=300, seed=5)):
        yield one


@pytest.fixture(scope="module")
async def shared_api(anyio_backend: str) -> AsyncIterator[Api]:
    """One sandbox for a module of tests that only read."""
    async for one in _api(Sandbox(works=1500, seed=5)):
        yield one
