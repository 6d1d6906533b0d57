"""The HTTP side of the sandbox: authorisation, faults, the quota, bodies. The handlers know what is in them."""

import asyncio
import hmac
import itertools
import logging
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, cast

import msgspec
from aiohttp import web

from . import api_errors
from .api_errors import ApiError
from .clock import DateHeader
from .faults import Fault, FaultQueue
from .handlers import Endpoint, Response
from .hooks import Hook, Hooks
from .query import body_from
from .quota import Quota
from .requests import ReceivedRequest, RequestLog
from .row import Row
from .shapes import check
from .store import Store

_log = logging.getLogger("devrev_async.sandbox")
_BLOCK = 64  # works written between two turns of the event loop: some 300 kB
_JSON = "application/json"


class App:
    """Answers the requests of one sandbox."""

    def __init__(
        self,
        store: Store,
        endpoints: Mapping[str, Endpoint],
        *,
        token: str,
        quota: Quota | None,
        date: DateHeader,
        latency: float,
        gzip: bool,
    ) -> None:
        self.faults = FaultQueue()
        self.request_log = RequestLog()
        self.hooks = Hooks()
        self._in_flight: dict[int, web.BaseRequest] = {}
        self._store = store
        self._endpoints = endpoints
        self._token = token.encode()
        self._quota = quota
        self._date = date
        self._latency = latency
        self._gzip = gzip
        self._numbers = itertools.count(1)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self._in_flight[id(request)] = request
        try:
            return await self._handle(request)
        except ConnectionError:  # a client may leave at any time; that is no error of the sandbox
            return web.Response()  # never sent
        finally:
            del self._in_flight[id(request)]

    @property
    def in_flight(self) -> int:
        """How many requests have no complete answer yet and a client that has not left."""
        return sum(request.transport is not None for request in tuple(self._in_flight.values()))

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        endpoint = request.path.removeprefix("/")
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return self._response(request, 413, msgspec.json.encode(api_errors.documented_body(413)))
        received = ReceivedRequest(request.method, request.path, endpoint, request.query, request.headers, body)
        self.request_log.add(received)
        if self._latency:
            await asyncio.sleep(self._latency)
        self.hooks.before_answer(received)
        fault = self.faults.take(endpoint)
        if fault is None:
            return await self._proper(request, received)
        return await self._faulty(request, received, fault)

    async def _proper(self, request: web.BaseRequest, received: ReceivedRequest) -> web.StreamResponse:
        try:
            answer = await self._answer(request, received)
        except ApiError as error:
            return self._response(request, error.status, error.body, error.headers)
        return await self._send(request, received, answer)

    async def _faulty(self, request: web.BaseRequest, received: ReceivedRequest, fault: Fault) -> web.StreamResponse:
        if fault.applied:
            try:
                await self._answer(request, received)
            except ApiError as error:  # nothing was applied, so the fault has nothing to hide
                return self._response(request, error.status, error.body, error.headers)
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.drop:
            if request.transport is not None:
                request.transport.close()
            return web.Response()  # never sent
        if fault.status is None:
            return await self._proper(request, received)
        if self._quota is not None:
            self._quota.spend()
        return self._response(request, fault.status, fault.body, fault.headers)

    async def _answer(self, request: web.BaseRequest, received: ReceivedRequest) -> Response:
        known = self._endpoints.get(received.endpoint)
        if known is None:
            raise ApiError(404, {"message": "route not found"})
        if request.method not in known.methods:
            raise ApiError(405, {"message": "method not allowed"}, {"Allow": ", ".join(known.methods)})
        self._authorise(request)
        over = self._quota.spend() if self._quota is not None else None
        if over is not None:
            wait = max(1, -int(-over // 1))
            raise ApiError(429, api_errors.documented_body(429, wait), {"Retry-After": str(wait)})
        try:
            return await known.handler(_decode(request, known, received.body))
        except ApiError:
            raise
        except Exception:  # noqa: BLE001 - logged, and answered as the API answers its own failures
            _log.exception("the sandbox failed on %s", received.endpoint)
            raise ApiError(500, api_errors.documented_body(500)) from None

    def _authorise(self, request: web.BaseRequest) -> None:
        # The API documents "Bearer <token>", and also accepts the token alone, as the TypeScript SDK sends it.
        sent = request.headers.get("Authorization", "")
        if sent[:7].lower() == "bearer ":
            sent = sent[7:].strip()
        if not hmac.compare_digest(sent.encode("utf-8", "surrogateescape"), self._token):
            raise ApiError(401, api_errors.documented_body(401))

    async def _send(self, request: web.BaseRequest, received: ReceivedRequest, answer: Response) -> web.StreamResponse:
        encoding = "gzip" if self._gzip and "gzip" in request.headers.get("Accept-Encoding", "").lower() else None
        hooks = self.hooks.within_answer(received)
        if len(answer.rows) > _BLOCK or hooks:
            return await self._stream(request, self._parts(received, answer, hooks), answer.status, encoding)
        body = answer.head + b",".join(self._encoded(answer.rows)) + answer.tail
        headers: dict[str, str] = {}
        if encoding:
            headers["Content-Encoding"] = encoding
            body = zlib.compress(body, 1, wbits=31)
        return self._response(request, answer.status, body, headers)

    async def _stream(
        self, request: web.BaseRequest, parts: AsyncIterator[bytes], status: int, encoding: str | None
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers=self._headers())
        response.content_type = _JSON
        compressor = zlib.compressobj(1, wbits=31) if encoding else None
        if encoding:
            response.headers["Content-Encoding"] = encoding
        await response.prepare(request)
        async for part in parts:
            await response.write(compressor.compress(part) if compressor else part)
        if compressor:
            await response.write(compressor.flush())
        await response.write_eof()
        return response

    async def _parts(self, received: ReceivedRequest, answer: Response, hooks: list[Hook]) -> AsyncIterator[bytes]:
        """Yields the body, some works at a time; other tasks of the loop run in between."""
        lead = answer.head
        for start in range(0, len(answer.rows), _BLOCK):
            works = b",".join(self._encoded(answer.rows[start : start + _BLOCK]))
            if works:
                yield lead + works
                lead = b","
            await asyncio.sleep(0)
            while hooks and (hooks[0].after_works or 0) <= start + _BLOCK:
                hooks.pop(0).callback(received)
        for hook in hooks:
            hook.callback(received)
        yield answer.tail if lead == b"," else lead + answer.tail

    def _encoded(self, rows: Sequence[Row]) -> list[bytes]:
        return [encoded for row in rows if (encoded := self._store.encode(row)) is not None]

    def _headers(self) -> dict[str, str]:
        headers = {"X-Request-Id": f"sandbox-{next(self._numbers):08d}", "Date": self._date.value()}
        return headers | (self._quota.headers() if self._quota is not None else {})

    def _response(
        self, request: web.BaseRequest, status: int, body: bytes, extra: Mapping[str, str] | None = None
    ) -> web.Response:
        headers: dict[str, str] = {"Content-Type": _JSON}
        for name, value in (*self._headers().items(), *(extra or {}).items()):
            headers = {key: kept for key, kept in headers.items() if key.lower() != name.lower()}
            headers[name] = value
        return web.Response(status=status, body=None if request.method == "HEAD" else body, headers=headers)


def _decode(request: web.BaseRequest, endpoint: Endpoint, body: bytes) -> dict[str, Any]:
    """Returns the checked body that handlers take.

    Raises:
        ApiError: 400, for a request that is not valid.
    """
    if request.method == "GET":
        assert endpoint.shape is not None  # every endpoint that GET can call has one
        decoded: dict[str, Any] = body_from(request.query.items(), endpoint.shape)
    else:
        if request.content_type != _JSON or not body:
            sent = request.headers.get("Content-Type", "")
            raise api_errors.bad_request("invalid_content_type", "A JSON body is expected", value=sent)
        try:
            value: object = msgspec.json.decode(body)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            raise api_errors.bad_request("parse_error", "The body is not JSON") from None
        if not isinstance(value, dict):
            raise api_errors.wrong_json_type("", "object", value)
        decoded = cast("dict[str, Any]", value)
    if endpoint.shape is not None:
        check(endpoint.shape, decoded)
    return decoded
