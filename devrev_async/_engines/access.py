"""Where works are and the token that shows them, for processes that read shares of one export."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, final

from devrev_async._transport.auth import TOKEN_VARIABLES
from devrev_async.client import DevRevClient

if TYPE_CHECKING:
    from devrev_async._transport.auth import TokenProvider

__all__ = ["Access", "hold"]

Held = Callable[[], "str | TokenProvider | None"]


def hold(token: str | TokenProvider | None) -> Held:
    """The token in a closure: tools that show the local variables of a traceback show attributes too."""
    return lambda: token


@final
class Access:
    """Makes clients. Its pickle holds the token, since that is how workers get it; its `repr` does not.

    What the environment of this process says is taken up at once, so that workers need none of it, and cannot reach
    another server because theirs differs.

    Args:
        held: the token; None in it: from the environment.
        base_url: as for `DevRevClient`.

    Attributes:
        base_url: of every client.

    Raises:
        ConfigurationError: there is no token, or it or the URL cannot be one.
    """

    __slots__ = ("_held", "base_url")

    def __init__(self, held: Held, base_url: str | None) -> None:
        self._held = held if held() is not None else _from_environment()
        self.base_url = base_url
        self.base_url = self.client().base_url

    def client(self, **options: Any) -> DevRevClient:
        """A client, with further arguments of `DevRevClient` by name."""
        return DevRevClient(self._held(), base_url=self.base_url, **options)

    def __repr__(self) -> str:
        return f"<Access to {self.base_url}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self._held(), self.base_url)


def _restored(token: str | TokenProvider | None, base_url: str) -> Access:
    held = hold(token)
    del token
    return Access(held, base_url)


def _from_environment() -> Held:
    return hold(next((value for name in TOKEN_VARIABLES if (value := os.environ.get(name))), None))
