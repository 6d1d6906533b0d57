"""A web app over devrev-async: works by id, an update, an export streamed to the caller, and a health page.

It needs ``pip install devrev-async fastapi uvicorn`` and the variable DEVREV_TOKEN, and runs by
``python fastapi_app.py``, or by ``uvicorn fastapi_app:app --timeout-graceful-shutdown 5``.

Works need no second model: they are sent as their own JSON. The client's errors become answers in one place.
"""

import asyncio
import gc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from math import ceil
from typing import Annotated, Any

import anyio
import uvicorn
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send

from devrev_async import (
    BadRequestError,
    DevRevClient,
    DevRevError,
    ForbiddenError,
    InvalidArgumentError,
    NotFoundError,
    Timeout,
    UpdateFields,
    WorksStream,
)

RETRY_AFTER = 5
"""Seconds after which a caller may try again, where the server does not say when."""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    """One client for the life of the app: all callers share its connections and its quota.

    Nobody waits in front of a page for as long as a script may wait: `total` bounds a call with all its waits and
    retries, and where the quota is used up for longer than `max_rate_limit_wait`, the caller hears so at once.
    """
    async with DevRevClient(
        timeout=Timeout(total=10, connect=3, read=10), max_retries=2, max_rate_limit_wait=3, max_concurrency=32
    ) as devrev:
        app.state.devrev = devrev
        gc.collect()
        gc.freeze()  # else each full collection walks all modules too, and holds every caller up for some 40 ms
        yield


class Gate:
    """Lets a few requests begin in each turn of the event loop.

    FastAPI takes some 0.1 ms for each to begin, and begins all that have come: hundreds would hold up the others.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._entrance = asyncio.Semaphore(16)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._entrance:
            await asyncio.sleep(0)
        await self._app(scope, receive, send)


app = FastAPI(lifespan=lifespan)
app.add_middleware(Gate)


async def client(request: Request) -> DevRevClient:
    """The app's client; FastAPI would run a plain function in a thread, for each request."""
    devrev: DevRevClient = request.app.state.devrev
    return devrev


Client = Annotated[DevRevClient, Depends(client)]


class Edit(BaseModel):
    """What callers of this app may change."""

    title: str | None = None
    priority: str | None = None
    target_close_date: datetime | None = None

    def fields(self) -> UpdateFields:
        """The arguments of `works.update`: what was not given is not sent, and a null clears a date."""
        fields: UpdateFields = {}
        if self.title is not None:
            fields["title"] = self.title
        if self.priority is not None:
            fields["priority"] = self.priority
        if "target_close_date" in self.model_fields_set:
            fields["target_close_date"] = self.target_close_date
        return fields


@app.get("/works/{id:path}")
async def get_work(id: str, devrev: Client) -> Response:
    """A work by display id or DON."""
    work = await devrev.works.get(id)
    return Response(work.to_json(), media_type="application/json")


@app.patch("/works/{id:path}")
async def update_work(id: str, edit: Edit, devrev: Client) -> Response:
    """Changes a work, and answers with it as it is then."""
    work = await devrev.works.update(id, **edit.fields())
    return Response(work.to_json(), media_type="application/json")


@app.get("/export")
async def export(devrev: Client, type: Annotated[list[str], Query()]) -> Response:
    """The works of some types as JSON Lines, each as DevRev sent it."""
    # A caller may read for as long as it likes; only until the answer begins is there a bound.
    stream = devrev.works.export_stream(type=type, timeout=Timeout(connect=3, read=10))
    async with asyncio.timeout(10):
        await stream.__aenter__()  # sends the request: a refusal is an answer of its own below, and no empty 200
    return WorksResponse(stream)


class WorksResponse(StreamingResponse):
    """Sends works at the caller's pace, and ends their request when the caller leaves."""

    def __init__(self, stream: WorksStream) -> None:
        super().__init__(self._lines(stream), media_type="application/x-ndjson")
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._stream:
            await super().__call__(scope, receive, send)

    @staticmethod
    async def _lines(stream: WorksStream) -> AsyncGenerator[bytes]:
        async for batch in stream.raw_batches(200):
            yield b"".join(work.replace(b"\n", b" ") + b"\n" for work in batch)


@app.get("/health")
async def health(devrev: Client) -> dict[str, Any]:
    """Whether the app runs, and what is left of the quota; asks DevRev nothing."""
    quota = devrev.rate_limit
    return {
        "status": "ok",
        "quota": quota and {"limit": quota.limit, "remaining": quota.remaining, "reset_at": quota.reset_at},
    }


@app.exception_handler(DevRevError)
async def answer_error(_: Request, error: DevRevError) -> JSONResponse:
    """The client's errors as answers: 503 with Retry-After for whatever may succeed later."""
    detail = {"detail": str(error), "may_have_been_applied": error.outcome_unknown}
    if error.retryable:
        seconds = getattr(error, "retry_after", None) or RETRY_AFTER
        return JSONResponse(detail, 503, {"Retry-After": str(ceil(seconds))})
    if isinstance(error, BadRequestError | ForbiddenError | NotFoundError):
        return JSONResponse(detail, error.status)
    return JSONResponse(detail, 502)


@app.exception_handler(TimeoutError)
async def answer_timeout(_: Request, __: TimeoutError) -> JSONResponse:
    """An export that does not begin in time."""
    return JSONResponse({"detail": "DevRev is busy"}, 503, {"Retry-After": str(RETRY_AFTER)})


@app.exception_handler(InvalidArgumentError)
async def answer_invalid(_: Request, error: InvalidArgumentError) -> JSONResponse:
    """What the client refuses to send, since the API would refuse it."""
    return JSONResponse({"detail": str(error)}, 422)


def server(port: int = 8000) -> uvicorn.Server:
    """A server that has imported all it needs, which uvicorn does in its event loop otherwise and holds that up."""
    anyio.run(anyio.sleep, 0)  # imports what Starlette streams with, which is 15 ms of the first caller's otherwise
    config = uvicorn.Config(app, port=port, timeout_graceful_shutdown=5)
    config.load()
    return uvicorn.Server(config)


if __name__ == "__main__":
    server().run()
