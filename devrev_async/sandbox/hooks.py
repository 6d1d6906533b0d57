"""Callbacks that tests register for the time while a request is served."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from .requests import ANY, ReceivedRequest

Callback = Callable[[ReceivedRequest], object]


@dataclass(frozen=True, slots=True)
class Hook:
    """A callback, and when it is called."""

    endpoint: str
    callback: Callback
    after_works: int | None


class Hooks:
    """The callbacks of one sandbox, in the order in which they were added."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hooks: tuple[Hook, ...] = ()

    def add(self, hook: Hook) -> Callable[[], None]:
        """Adds a hook. Returns a function that removes it."""
        with self._lock:
            self._hooks = (*self._hooks, hook)

        def remove() -> None:
            with self._lock:
                self._hooks = tuple(other for other in self._hooks if other is not hook)

        return remove

    def before_answer(self, request: ReceivedRequest) -> None:
        """Calls those that precede the answer."""
        for hook in self._of(request):
            if hook.after_works is None:
                hook.callback(request)

    def within_answer(self, request: ReceivedRequest) -> list[Hook]:
        """Returns those to call within the answer, in their order."""
        hooks = [hook for hook in self._of(request) if hook.after_works is not None]
        return sorted(hooks, key=lambda hook: hook.after_works or 0)

    def _of(self, request: ReceivedRequest) -> list[Hook]:
        return [hook for hook in self._hooks if hook.endpoint in (ANY, request.endpoint)]
