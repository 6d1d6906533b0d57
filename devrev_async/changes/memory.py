"""What was yielded lately, so that a call that looks back does not repeat it; bounded, and honest beyond the bound."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from .instants import UNDATED

__all__ = ["MOST_REMEMBERED", "Memory", "Remembered", "key_of"]

MOST_REMEMBERED: Final = 50_000
"""Works whose id and `modified_date` are remembered; each takes eight bytes and its share of the stamps."""


def key_of(identity: str, stamp: int) -> bytes:
    """Eight bytes for an id and a stamp: of 50,000 works, two agree by chance once in 10 billion runs."""
    return blake2b(f"{stamp} {identity}".encode(errors="surrogatepass"), digest_size=8).digest()


@dataclass(frozen=True, slots=True)
class Remembered:
    """The memory as a checkpoint keeps it.

    Attributes:
        upto: all works up to this stamp were yielded.
        floor: of works with a stamp from here on, each one that was yielded is in `keys`, or was forgotten.
        horizon, forgotten: how many were forgotten, for want of room, and up to which stamp.
        keys: by key, the stamp of each work; the first ones are the first to be forgotten.
    """

    upto: int = UNDATED - 1
    floor: int = UNDATED
    horizon: int = UNDATED - 1
    forgotten: int = 0
    keys: dict[bytes, int] = field(default_factory=dict[bytes, int])


class Memory:
    """Says of each work whether it was yielded before, and keeps what the next call is to know.

    Args:
        before: what the checkpoint said that the call goes on from.
        most: works to remember.

    Attributes:
        rereads: whether works are read again that this call has yielded already.
    """

    def __init__(self, before: Remembered, most: int = MOST_REMEMBERED) -> None:
        self.rereads = False
        self._before = before
        self._forgotten_before = before.forgotten
        self._most = most
        self._fresh: OrderedDict[bytes, int] = OrderedDict()
        self._horizon = UNDATED - 1
        self._forgotten = 0

    def knows(self, key: bytes) -> bool:
        """Whether this very work was yielded with this very stamp before; then it stays remembered."""
        stamp = self._before.keys.get(key, self._fresh.get(key))
        if stamp is None:
            return False
        self._note(key, stamp)
        return True

    def yielded(self, key: bytes, stamp: int) -> bool:
        """Note a work that is yielded now; True if it may be a repetition, since earlier ones were forgotten."""
        self._note(key, stamp)
        before = self._before
        if stamp <= before.upto and stamp < before.floor:
            return True
        if stamp <= before.horizon and self._forgotten_before > 0:
            self._forgotten_before -= 1
            return True
        if self.rereads and stamp <= self._horizon and self._forgotten > 0:
            self._forgotten -= 1
            return True
        return False

    def snapshot(self, upto: int, bound: int, *, caught_up: bool) -> Remembered:
        """What to keep in a checkpoint.

        Args:
            upto: the checkpoint's position.
            bound: the next call looks back no further.
            caught_up: whether this call is past the position of the checkpoint that it went on from.
        """
        before = self._before
        kept = {key: stamp for key, stamp in before.keys.items() if stamp >= bound and key not in self._fresh}
        kept |= {key: stamp for key, stamp in self._fresh.items() if stamp >= bound}
        horizon, forgotten = UNDATED - 1, 0
        for limit, count in ((before.horizon, self._forgotten_before), (self._horizon, self._forgotten)):
            if count and limit >= bound:
                horizon, forgotten = max(horizon, limit), forgotten + count
        dropped = [key for key, _ in zip(kept, range(len(kept) - self._most), strict=False)]
        for key in dropped:
            horizon, forgotten = max(horizon, kept.pop(key)), forgotten + 1
        return Remembered(upto, bound if caught_up else max(bound, before.floor), horizon, forgotten, kept)

    def _note(self, key: bytes, stamp: int) -> None:
        fresh = self._fresh
        fresh[key] = stamp
        fresh.move_to_end(key)
        if len(fresh) > self._most:
            gone, stamp = fresh.popitem(last=False)
            if gone not in self._before.keys:  # else it is counted where a snapshot drops it
                self._forgotten += 1
                self._horizon = max(self._horizon, stamp)
