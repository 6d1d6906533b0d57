"""Faults that tests request in advance."""

import threading
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from . import api_errors
from .requests import ANY


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one request in place of its regular answer."""

    status: int | None  # None: that of the regular answer
    body: bytes
    headers: Mapping[str, str]
    delay: float
    applied: bool
    drop: bool


class FaultQueue:
    """The faults to come: a FIFO queue for each endpoint, and one for any endpoint, which comes second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queues: defaultdict[str, deque[Fault]] = defaultdict(deque)

    def add(self, endpoint: str, fault: Fault, times: int) -> None:
        with self._lock:
            self._queues[endpoint].extend([fault] * times)

    def take(self, endpoint: str) -> Fault | None:
        """Removes and returns the next fault for `endpoint`; None where there is none."""
        with self._lock:
            for name in (endpoint, ANY):
                if self._queues.get(name):
                    return self._queues[name].popleft()
        return None


def build(
    *,
    status: int | None,
    headers: Mapping[str, str] | None,
    body: object,
    retry_after: float | None,
    delay: float,
    applied: bool,
    drop: bool,
) -> Fault:
    """Makes a fault from the arguments of `Sandbox.fail_next`."""
    sent = {"Content-Type": "application/json"}
    if retry_after is not None:
        sent["Retry-After"] = f"{retry_after:g}"
    for name, value in (headers or {}).items():
        sent = {key: kept for key, kept in sent.items() if key.lower() != name.lower()}
        sent[name] = value
    if body is None and status is not None:
        body = api_errors.documented_body(status, retry_after)
    match body:
        case bytes():
            raw = body
        case str():
            raw = body.encode()
        case _:
            raw = msgspec.json.encode(body)
    return Fault(status, raw, sent, delay, applied, drop)
