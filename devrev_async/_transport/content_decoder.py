"""Undoing the Content-Encoding of a body, piece by piece and within a bound. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

__all__ = ["BodyTooLargeError", "ContentDecoder", "ContentEncodingError"]

PIECE: Final = 256 << 10
"""Bytes of one piece at most: what a decompression bomb can occupy at once, and about a millisecond of inflating."""


class ContentEncodingError(Exception):
    """The body cannot be decompressed; `cut` if that is because it ends too early."""

    def __init__(self, text: str, *, cut: bool = False) -> None:
        super().__init__(text)
        self.cut = cut


class BodyTooLargeError(Exception):
    """The decompressed body exceeds the bound."""


class ContentDecoder:
    """Decompresses one body.

    Args:
        encoding: the Content-Encoding header, or None.
        limit: bytes of the decompressed body at most.
    """

    __slots__ = ("_ended", "_inflater", "_left", "_make")

    def __init__(self, encoding: str | None, limit: int) -> None:
        name = (encoding or "identity").strip().lower()
        if name not in ("identity", "gzip", "x-gzip", "deflate", ""):
            raise ContentEncodingError(f"unknown Content-Encoding {encoding!r}")  # unchanged: it may be the token
        self._make = None if name in ("identity", "") else name
        self._ended = False
        self._inflater: Any = None
        self._left = limit

    @property
    def plain(self) -> bool:
        """Whether there is nothing to undo."""
        return self._make is None

    def decode(self, data: bytes) -> Iterable[bytes]:
        """The pieces that these bytes decompress to.

        Raises:
            ContentEncodingError: the bytes are not of the encoding.
            BodyTooLargeError: the bound is passed.
        """
        if self._make is None:
            self._count(len(data))
            return (data,)
        return self._inflated(data)

    def _inflated(self, data: bytes) -> Iterator[bytes]:
        full = False
        while data or full:
            if self._inflater is None:
                self._inflater = self._open(data)
            try:
                piece = self._inflater.decompress(data, PIECE)
            except zlib.error as error:
                raise ContentEncodingError(f"the compressed body is corrupt: {error}") from None
            data = self._inflater.unconsumed_tail
            full = len(piece) == PIECE and not self._inflater.eof  # zlib may hold more, with no byte left to feed it
            if self._inflater.eof:  # a gzip body may be of several members
                data, self._inflater = self._inflater.unused_data, None
                self._ended = self._make == "deflate"
            self._count(len(piece))
            if piece:
                yield piece

    def flush(self) -> None:
        """Check that the whole body was fed.

        Raises:
            ContentEncodingError: it ends before its compression does.
        """
        if self._inflater is not None:
            raise ContentEncodingError("the compressed body is truncated", cut=True)

    def _open(self, data: bytes) -> Any:
        if self._ended:
            raise ContentEncodingError("trailing data after the compressed body")
        if self._make != "deflate":
            if data[0] != 0x1F:  # zlib would judge the second byte only, and a single one seem to be cut short
                raise ContentEncodingError("the compressed body is corrupt: no gzip header")
            return zlib.decompressobj(wbits=31)
        # "deflate" means zlib's format, and some servers send the bare stream
        bare = data[0] & 0x0F != 8
        return zlib.decompressobj(wbits=-15 if bare else 15)

    def _count(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise BodyTooLargeError
