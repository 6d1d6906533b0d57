"""The base of every resource of the API: endpoints, and one way to call them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Generic, Literal, NamedTuple, TypedDict, TypeVar, cast

from yarl import URL

from devrev_async._requests.bodies import encode_body
from devrev_async._transport.request import Request
from devrev_async._transport.transport import Transport
from devrev_async.errors import InvalidArgumentError, shown
from devrev_async.options import Timeout, as_timeout, check_max_retries

__all__ = ["CallOptions", "Endpoint", "PageEndpoint", "Resource", "check_endpoint", "take_only_options", "take_options"]

T = TypeVar("T")

_ENDPOINT: Final = re.compile(r"\A[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+\Z")


class CallOptions(TypedDict, total=False):
    """The keyword arguments of every call that sends a JSON body.

    Attributes:
        timeout: seconds in all, or a `Timeout`; None keeps the client's. Of calls that iterate, it bounds each page.
        max_retries: attempts after the first, at least 0; None keeps the client's.
        extra_body: further keys of the body, as they are, for what is not modelled yet.
    """

    timeout: Timeout | float | None
    max_retries: int | None
    extra_body: Mapping[str, Any] | None


class Endpoint(NamedTuple, Generic[T]):
    """One method of the API.

    Attributes:
        name: as in ``"works.get"``; it is the path of the URL too.
        decode: makes the result of the body of a successful response; raises one of `DECODE_ERRORS`.
        idempotent: repeating the request changes nothing, so that it may be retried whatever became of it.
    """

    name: str
    decode: Callable[[bytes], T]
    idempotent: bool = False


class PageEndpoint(NamedTuple):
    """A method of the API whose answer is a page of items, which are decoded as they arrive; always idempotent."""

    name: str
    idempotent: Literal[True] = True


def check_endpoint(endpoint: str) -> str:
    """Returns an API method, checked for its use in a URL; ValueError or TypeError for anything else."""
    if not isinstance(endpoint, str):
        raise TypeError(f"endpoint takes a str, as in 'works.get', not {type(endpoint).__name__}")
    if not _ENDPOINT.match(endpoint):
        raise InvalidArgumentError(f"endpoint takes an API method as in 'works.get', not {shown(endpoint)}")
    return str.__str__(endpoint)  # a plain str, whatever subclass it was


class Resource:
    """The calls of one resource, over the transport of one client.

    Args:
        transport: sends the requests.
        base_url: without a trailing slash.
    """

    def __init__(self, transport: Transport, base_url: str) -> None:
        self._transport = transport
        self._base_url = base_url

    def _call(self, endpoint: Endpoint[T], body: Mapping[str, Any], options: CallOptions) -> Awaitable[T]:
        """POSTs a body to an endpoint and decodes the response; retries included."""
        return self._send(endpoint, encode_body(body, options.get("extra_body")), options)

    def _send(self, endpoint: Endpoint[T], content: bytes, options: CallOptions) -> Awaitable[T]:
        """As `_call`, with a body that is encoded already."""
        return self._transport.fetch(self._request(endpoint, content, options), endpoint.decode)

    def _request(self, endpoint: Endpoint[Any] | PageEndpoint, content: bytes, options: CallOptions) -> Request:
        url = URL(f"{self._base_url}/{endpoint.name}", encoded=True)
        request = Request(endpoint.name, url, content, endpoint.idempotent)
        return self._bounded(request, options.get("timeout"), options.get("max_retries")) if options else request

    def _bounded(self, request: Request, timeout: Timeout | float | None, max_retries: int | None) -> Request:
        """Returns the request with a timeout and retries of its own; None keeps those of the client."""
        bounds = None if timeout is None else as_timeout(timeout, self._transport.settings.timeout)
        return request._replace(timeout=bounds, max_retries=check_max_retries(max_retries))


_OPTIONS = ("timeout", "max_retries", "extra_body")


def take_options(arguments: CallOptions) -> CallOptions:
    """Removes the call options from a method's keyword arguments and returns them; those of the endpoint stay."""
    given = cast("dict[str, Any]", arguments)
    return cast("CallOptions", {name: given.pop(name) for name in _OPTIONS if name in given})


def take_only_options(arguments: CallOptions, method: str) -> CallOptions:
    """Returns the call options of a method that has no other keyword arguments; TypeError for any other name."""
    options = take_options(arguments)
    for name in arguments:
        raise TypeError(f"{method} has no argument {name!r}")
    return options
