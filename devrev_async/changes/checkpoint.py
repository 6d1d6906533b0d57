"""Checkpoints of `changes`: where the next call goes on, as one str of at most 1 MB."""

from __future__ import annotations

import binascii
import sys
import zlib
from array import array
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from itertools import accumulate, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Final

import msgspec

from devrev_async.errors import InvalidArgumentError

from .instants import LATEST, UNDATED
from .memory import MOST_REMEMBERED, Remembered
from .query import differences
from .run import Start

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MOST_CHARACTERS", "decode", "encode", "position_of"]

MOST_CHARACTERS: Final = 1_000_000

_VERSION: Final = 1
_KEY: Final = 8
_NO_CHECKPOINT: Final = "since= is no checkpoint of changes()"


class _Saved(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """A checkpoint as it is written; `stamps` are the compressed differences of one stamp to the next."""

    version: int
    query: dict[str, str]
    position: int
    begin: int
    floor: int
    horizon: int
    forgotten: int
    keys: bytes
    stamps: bytes


class _Versioned(msgspec.Struct, array_like=True):
    version: int


def encode(start: Start, query: Mapping[str, str]) -> str:
    """The checkpoint of a query, in words. What does not fit is forgotten, and counted as such."""
    while True:
        text = _text(start, query)
        if len(text) <= MOST_CHARACTERS or not start.remembered.keys:
            return text
        start = replace(start, remembered=_halved(start.remembered))


def decode(checkpoint: str, query: Mapping[str, str]) -> Start:
    """Where a checkpoint says to go on.

    Raises:
        InvalidArgumentError: it is no checkpoint, it was altered, it is of a newer version, or of another query; then
            it names the filters that differ.
    """
    saved = _decoded(checkpoint)
    if different := differences(saved.query, query):
        raise InvalidArgumentError(
            f"since= is a checkpoint of another query: {'; '.join(different)}. Pass the same filters, or begin anew"
        )
    keys = [saved.keys[at : at + _KEY] for at in range(0, len(saved.keys), _KEY)]
    stamps = _unpacked(saved.stamps, len(keys))
    remembered = Remembered(
        saved.position, saved.floor, saved.horizon, saved.forgotten, dict(zip(keys, stamps, strict=True))
    )
    return Start(saved.position, saved.begin, remembered)


def position_of(checkpoint: str) -> int:
    """The stamp up to which everything was yielded when the checkpoint was made.

    Raises:
        InvalidArgumentError: it is no checkpoint.
    """
    return _decoded(checkpoint).position


def _text(start: Start, query: Mapping[str, str]) -> str:
    kept = start.remembered
    ordered = sorted(kept.keys.items(), key=itemgetter(1))
    saved = _Saved(
        _VERSION,
        dict(query),
        start.position,
        start.begin,
        kept.floor,
        kept.horizon,
        kept.forgotten,
        b"".join(key for key, _ in ordered),
        _packed([stamp for _, stamp in ordered]),
    )
    plain = msgspec.msgpack.encode(saved)
    return urlsafe_b64encode(zlib.crc32(plain).to_bytes(4, "big") + plain).decode().rstrip("=")


def _packed(stamps: list[int]) -> bytes:
    steps = array("q", [after - before for before, after in pairwise([0, *stamps])])
    if sys.byteorder == "big":
        steps.byteswap()
    return zlib.compress(steps.tobytes(), 1)


def _unpacked(packed: bytes, count: int) -> list[int]:
    steps = array("q")
    try:
        steps.frombytes(zlib.decompressobj().decompress(packed, 8 * count) if count else b"")
    except (zlib.error, ValueError):
        raise InvalidArgumentError(_NO_CHECKPOINT) from None
    if sys.byteorder == "big":
        steps.byteswap()
    stamps = list(accumulate(steps))
    if len(stamps) != count or not all(UNDATED <= stamp <= LATEST for stamp in stamps):
        raise InvalidArgumentError(_NO_CHECKPOINT)
    return stamps


def _halved(kept: Remembered) -> Remembered:
    ordered = list(kept.keys.items())
    gone, left = ordered[: len(ordered) // 2 + 1], ordered[len(ordered) // 2 + 1 :]
    horizon = max([kept.horizon, *(stamp for _, stamp in gone)])
    return replace(kept, horizon=horizon, forgotten=kept.forgotten + len(gone), keys=dict(left))


def _decoded(checkpoint: str) -> _Saved:
    if not isinstance(checkpoint, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"since= takes a datetime, a checkpoint or None, not {type(checkpoint).__name__}")
    try:
        data = urlsafe_b64decode(checkpoint.encode("ascii") + b"=" * (-len(checkpoint) % 4))
    except (UnicodeEncodeError, binascii.Error):
        raise InvalidArgumentError(f"{_NO_CHECKPOINT}; for a time, pass an aware datetime") from None
    if len(data) < 5 or data[:4] != zlib.crc32(data[4:]).to_bytes(4, "big"):
        raise InvalidArgumentError(f"{_NO_CHECKPOINT}, or it was cut or altered; for a time, pass an aware datetime")
    try:
        version = msgspec.msgpack.decode(data[4:], type=_Versioned).version
        if version > _VERSION:
            raise InvalidArgumentError(
                f"since= is a checkpoint of version {version}, and this release knows {_VERSION}: use a newer release"
            )
        saved = msgspec.msgpack.decode(data[4:], type=_Saved)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidArgumentError(_NO_CHECKPOINT) from None
    sound = saved.version == _VERSION and len(saved.keys) % _KEY == 0 and len(saved.keys) <= _KEY * MOST_REMEMBERED
    placed = UNDATED - 1 <= saved.position <= LATEST and UNDATED <= saved.begin <= LATEST and saved.forgotten >= 0
    if not (sound and placed):
        raise InvalidArgumentError(_NO_CHECKPOINT)
    return saved
