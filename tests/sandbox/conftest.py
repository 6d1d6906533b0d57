"""A plain aiohttp client that validates every answer against the strict schema."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from devrev_async.sandbox import Sandbox
from tests.spec import validate_response


class Api:
    """Calls a sandbox and validates its answers."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self.session = session

    @classmethod
    @asynccontextmanager
    async def over(cls, sandbox: Sandbox) -> AsyncGenerator["Api"]:
        """Opens a session for a running sandbox."""
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {sandbox.token}"}) as session:
            yield cls(sandbox, session)

    async def post(self, endpoint: str, body: object, status: int = 200) -> Any:
        async with self.session.post(f"{self.sandbox.url}/{endpoint}", json=body) as response:
            return await self._checked(endpoint, response, status)

    async def query(self, endpoint: str, query: str = "", status: int = 200) -> Any:
        """Sends a GET with this query string, which begins with "?"."""
        async with self.session.get(f"{self.sandbox.url}/{endpoint}{query}") as response:
            return await self._checked(endpoint, response, status)

    async def refused(self, endpoint: str, body: object, **fields: object) -> Any:
        """Expects a 400 whose body has these fields."""
        answer = await self.post(endpoint, body, 400)
        assert {key: answer.get(key) for key in fields} == fields
        return answer

    async def _checked(self, endpoint: str, response: aiohttp.ClientResponse, status: int) -> Any:
        answer = await response.json()
        assert response.status == status, answer
        sample = answer | {"works": answer["works"][:5]} if "works" in answer else answer  # jsonschema is slow
        validate_response(endpoint, sample, status)
        return answer


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def api(anyio_backend: str) -> AsyncGenerator[Api]:
    async with Sandbox(works=300, seed=5) as sandbox, Api.over(sandbox) as one:
        yield one


@pytest.fixture(scope="module")
async def shared_api(anyio_backend: str) -> AsyncGenerator[Api]:
    """One sandbox for all tests of a module, which only read."""
    async with Sandbox(works=1500, seed=5) as sandbox, Api.over(sandbox) as one:
        yield one
