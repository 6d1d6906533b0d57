"""Functions that tests have called while a request is served."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from .requests import ANY, ReceivedRequest

Callback = Callable[[ReceivedRequest], object]


@dataclass(frozen=True, slots=True)
class Hook:
    """One function, and when it is called."""

    endpoint: str
    callback: Callback
    after_works: int | None


class Hooks:
    """The functions of one sandbox, in the order they were added."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hooks: tuple[Hook, ...] = ()

    def add(self, hook: Hook) -> Callable[[], None]:
        """Adds one; returns a function that takes it out again."""
        with self._lock:
            self._hooks = (*self._hooks, hook)

        def remove() -> None:
            with self._lock:
                self._hooks = tuple(other for other in self._hooks if other is not hook)

        return remove

    def before_answer(self, request: ReceivedRequest) -> None:
        """Calls those that come before the answer is made."""
        for hook in self._of(request):
            if hook.after_works is None:
                hook.callback(request)

    def within_answer(self, request: ReceivedRequest) -> list[Hook]:
        """Those that come when some works are written, in the order of their turn."""
        hooks = [hook for hook in self._of(request) if hook.after_works is not None]
        return sorted(hooks, key=lambda hook: hook.after_works or 0)

    def _of(self, request: ReceivedRequest) -> list[Hook]:
        return [hook for hook in self._hooks if hook.endpoint in (ANY, request.endpoint)]
