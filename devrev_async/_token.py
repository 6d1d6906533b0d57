"""Where the token comes from, and how it stays out of sight."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, cast

from .errors import ConfigurationError

__all__ = ["TOKEN_VARIABLES", "TokenProvider", "TokenSource", "find_token"]

TokenProvider = Callable[[], str | Awaitable[str]]

TOKEN_VARIABLES: Final = ("DEVREV_TOKEN", "DEVREV_API_TOKEN", "DEVREV_API_KEY")
"""Environment variables that are asked for the token, in this order."""

_VISIBLE: Final = re.compile(r"\A[\x21-\x7e]+\Z")
HIDDEN: Final = "[token]"
SHORTEST_HIDDEN: Final = 8


class TokenSource:
    """A token, or a callable that gives one; asked once and again only after a refusal.

    No method hands out the bare token to a caller that keeps it: tracebacks show local variables.
    """

    __slots__ = ("_provider", "_token", "version")

    def __init__(self, token: str | TokenProvider) -> None:
        self._token: str | None = None
        self._provider: TokenProvider | None = None
        self.version = 0
        if isinstance(token, str):
            self._token = token
        else:
            self._provider = token

    def __repr__(self) -> str:
        return "<TokenSource>"

    def __reduce__(self) -> str:
        raise TypeError("a token is not to be pickled")

    @property
    def renewable(self) -> bool:
        """Whether asking again may bring another token."""
        return self._provider is not None

    @property
    def known(self) -> bool:
        """Whether there is a token already."""
        return self._token is not None

    def headers(self, others: Mapping[str, str], *, json: bool) -> dict[str, str]:
        """The other headers, the authorisation, and the type of a JSON body if there is one."""
        headers = {**others, "Authorization": f"Bearer {self._token}"}
        if json:
            headers["Content-Type"] = "application/json"
        return headers

    def hide(self, text: str) -> str:
        """The text without the token. One shorter than any real token is left: it would be part of plain words."""
        return text.replace(self._token, HIDDEN) if self._token and len(self._token) >= SHORTEST_HIDDEN else text

    def hide_bytes(self, data: bytes) -> bytes:
        """The same of bytes."""
        if not self._token or len(self._token) < SHORTEST_HIDDEN:
            return data
        return data.replace(self._token.encode(), HIDDEN.encode())

    async def renew(self) -> None:
        """Ask the callable.

        Raises:
            ConfigurationError: it raised, or gave what no token can be.
        """
        problem = await self._ask()
        if problem is not None:
            raise ConfigurationError(problem)

    async def _ask(self) -> str | None:
        assert self._provider is not None
        try:
            token = self._provider()
            if inspect.isawaitable(token):
                token = await token
        except Exception as error:  # noqa: BLE001 - whatever a user's function raises; its text might hold the token
            return f"the token callable raised {type(error).__name__}"
        problem = _problem(token)
        if problem is None:
            self._token = token
            self.version += 1
        return problem


def find_token(token: object) -> tuple[TokenSource | None, str]:
    """The source of a client's token, or None and what is wrong. It does not raise: its caller forgets the token first."""
    if token is None:
        token = next((value for name in TOKEN_VARIABLES if (value := os.environ.get(name))), None)
        if token is None:
            return None, f"no token: pass one, or set one of {', '.join(TOKEN_VARIABLES)}"
    if callable(token):
        return TokenSource(cast("TokenProvider", token)), ""
    problem = _problem(token)
    return (TokenSource(cast("str", token)), "") if problem is None else (None, problem)


def _problem(token: object) -> str | None:
    if not isinstance(token, str):
        return f"the token is a {type(token).__name__}, not a str"
    if not token:
        return "the token is empty"
    if token[:7].lower() == "bearer ":
        return "the token is given with the word 'Bearer': pass the token alone"
    if not _VISIBLE.match(token):
        return "the token holds white space, a line break or another character that no token has"
    return None
