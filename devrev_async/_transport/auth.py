"""Finds the token and renews it."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import re
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from hashlib import sha256
from typing import Final, cast

from .redaction import redact

__all__ = ["TOKEN_VARIABLES", "Authenticator", "TokenProvider", "TokenSource", "find_token"]

TokenProvider = Callable[[], str | Awaitable[str]]

TOKEN_VARIABLES: Final = ("DEVREV_TOKEN", "DEVREV_API_TOKEN", "DEVREV_API_KEY")
"""Environment variables that may have the token; the first one that is set is used."""

_QUOTES: Final = "\"'"
_VISIBLE: Final = re.compile(r"\A[\x21-\x7e]+\Z")
KEPT_TOKENS: Final = 8
"""The latest tokens that are removed from shown text: responses to requests with an earlier one may be in flight."""

_WAITS_FOR_ITSELF: Final = "the token callable calls the client that waits for its token: give it another client"


class TokenSource:
    """A token, or a callable that returns one; it is called once, and again only after a 401.

    No method returns the bare token to a caller that keeps it: tracebacks show local variables.

    Attributes:
        version: counts the tokens that the callable has returned.
        known: whether there is a token already.
    """

    __slots__ = ("_held", "_provider", "_take", "known", "version")

    def __init__(self, token: str | TokenProvider) -> None:
        self._provider: TokenProvider | None = None
        self.version = 0
        self.known = False
        # In a closure, not an attribute: tools that show the locals of a traceback may show attributes as well.
        tokens: list[str] = []

        def take(new: str) -> None:
            tokens.append(str.__str__(new))  # a plain str, whatever subclass it was
            self.known = True
            del tokens[:-KEPT_TOKENS]

        self._take = take
        self._held: Callable[[], list[str]] = lambda: tokens
        if isinstance(token, str):
            take(token)
        else:
            self._provider = token

    def __repr__(self) -> str:
        return "<TokenSource>"

    def __reduce__(self) -> str:
        raise TypeError("a token is not to be pickled")

    @property
    def renewable(self) -> bool:
        """Whether there is a callable, which may return another token."""
        return self._provider is not None

    def account(self) -> str:
        """Returns a digest of the user that a JWT names as its `sub`, or of the token if it is no such JWT."""
        token = self._held()[-1]
        try:
            claims = json.loads(urlsafe_b64decode(token.split(".")[1] + "=="))
            whose = f"sub {claims['sub']}"
        except (IndexError, KeyError, TypeError, ValueError, RecursionError):
            whose = f"token {token}"
        return sha256(whose.encode()).hexdigest()

    def headers(self, others: Mapping[str, str], *, json: bool) -> dict[str, str]:
        """Returns `others` with the Authorization header, and with the Content-Type of a JSON body if asked for."""
        headers = {**others, "Authorization": f"Bearer {self._held()[-1]}"}
        if json:
            headers["Content-Type"] = "application/json"
        return headers

    def hide(self, text: str) -> str:
        """Returns the text with the token, and those before it, replaced by ``[token]``."""
        shown = redact(text.encode(errors="surrogatepass"), [token.encode() for token in self._held()])
        return shown.decode(errors="surrogatepass")

    def hide_bytes(self, data: bytes) -> bytes:
        """As `hide`, of a body that may be truncated."""
        return redact(data, [token.encode() for token in self._held()], truncated=True)

    async def renew(self) -> str | None:
        """Calls the callable and keeps its token. Returns what went wrong, or None."""
        assert self._provider is not None
        try:
            given = self._provider()
            if inspect.isawaitable(given):
                given = await given
        except Exception as error:  # noqa: BLE001 - whatever a user's function raises; its text might hold the token
            return f"the token callable raised {type(error).__name__}"
        problem = _problem(given)
        if problem is None:
            self._take(given)
            self.version += 1
        return problem


class _Renewal:
    """A call of the token callable.

    Attributes:
        owner: whose callable it is.
        under_way: it has not returned yet.
        blocked: it called the client that waits for it.
    """

    __slots__ = ("blocked", "owner", "under_way")

    def __init__(self, owner: Authenticator) -> None:
        self.owner = owner
        self.under_way = True
        self.blocked = False


_renewals: Final = ContextVar[tuple[_Renewal, ...]]("devrev_async_renewals", default=())
"""Those that the running task was begun in, outermost first: a callable may use another client, or tasks of its own."""


class Authenticator:
    """Renews the token once for all tasks that need another one.

    Attributes:
        source: of the token.
    """

    def __init__(self, source: TokenSource) -> None:
        self.source = source
        self._ended = 0  # renewals that have ended, and what went wrong with the last one
        self._problem: str | None = None
        self.reset()

    def reset(self) -> None:
        """Prepares for another event loop."""
        self._renewing = asyncio.Lock()

    async def renew(self, version: int) -> str | None:
        """Renews the token, unless another task has done so since `version`, or has failed to while this one waited.

        Returns:
            What went wrong, or None.
        """
        outer = _renewals.get()
        for renewal in outer:
            if renewal.owner is self and renewal.under_way:  # it would wait for itself
                renewal.blocked = True
                return _WAITS_FOR_ITSELF
        ended = self._ended
        async with self._renewing:
            if self.source.version != version:
                return None
            if self._ended != ended:
                return self._problem
            renewal = _Renewal(self)
            before = _renewals.set((*outer, renewal))
            try:
                problem = await self.source.renew()
            finally:
                renewal.under_way = False
                _renewals.reset(before)
            self._ended += 1
            self._problem = _WAITS_FOR_ITSELF if problem is not None and renewal.blocked else problem
            return self._problem


def find_token(token: object) -> tuple[TokenSource | None, str]:
    """Returns the source of a client's token, or None and what is wrong; the caller raises without the token."""
    whence = ""
    if token is None:
        variable = next((name for name in TOKEN_VARIABLES if os.environ.get(name)), None)
        if variable is None:
            return None, f"no token: pass one, or set one of {', '.join(TOKEN_VARIABLES)}"
        token, whence = os.environ[variable], f"${variable}: "
    if callable(token):
        return TokenSource(cast("TokenProvider", token)), ""
    problem = _problem(token)
    return (TokenSource(cast("str", token)), "") if problem is None else (None, whence + problem)


def _problem(token: object) -> str | None:
    if not isinstance(token, str):
        return f"the token is a {type(token).__name__}, not a str"
    if not token:
        return "the token is empty"
    if token[:7].lower() == "bearer ":
        return "the token is given with the word 'Bearer': pass the token alone"
    if token[0] in _QUOTES and token[-1] == token[0]:
        return "the token is given in quotes: pass what is between them"
    if not _VISIBLE.match(token):
        return "the token holds white space, a line break or another character that no token has"
    return None
