"""Parses a page as its bytes arrive: batches of items come out before the body is complete. Pure: no I/O, no clock.

The body is an object with an array of items under a key. Three facts carry the module:

- JSON's grammar is deterministic: if the bytes from the array's opening bracket up to some comma, with that comma
  replaced by a closing bracket, are a valid array, then the comma does separate two items. So a cut may be *guessed*
  (where something like the start of an item follows a comma), and the decode of the batch proves it. The comma then
  becomes the opening bracket of the rest: no byte is copied for it.
- Where guesses fail, the exact end of each value can be found, one at a time (`json_scanner`).
- What stands before and after the array is a small JSON document of its own once the array is taken out (`envelope`).
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from .buffer import ByteBuffer
from .cut_guesser import CutGuesser, Span
from .envelope import Cursors, Followed, find_array, read_cursors
from .fallback import DECODE_ERRORS
from .item_decoders import ItemDecoder
from .json_scanner import Malformed, NeedMore, Truncated, after_whitespace, next_is_whole, value_end
from .misfits import Misfit

__all__ = ["PageParser"]

BATCH_BYTES: Final = 384 << 10
"""The most bytes of a batch, one larger item excepted: about 4 ms of decoding."""

FIRST_BATCH_BYTES: Final = 16 << 10
"""The same of the first batch, which the first item waits for."""

BATCH_ITEMS: Final = 200
"""About the most items of a batch: they bound its time where items are tiny."""

SLOW_ITEMS: Final = 64
"""The most items of a batch that does not decode at once: one that does not fit takes up to ten times as long."""

T = TypeVar("T")


class PageParser(Generic[T]):
    """Cuts the body of one response into batches of items.

    `feed` it bytes in pieces of any size, and `take` batches until it returns None, which means that more bytes are
    needed, or after `finish` that the page is whole.

    Args:
        key: the key of the array in the outermost object, as in ``"works"``.
        items: decodes the array's items.
        next_key: the key of the cursor of the next page.
        follow: which cursor is followed: a page is malformed where that is no string.
        first_batch, batch: bytes of the first batch and of any other, at most.

    Attributes:
        cursors: those of the page, once it is whole.
        misfits: the items so far that did not fit their type, by place in the page.
        count: items so far.
    """

    def __init__(
        self,
        key: str,
        items: ItemDecoder[T],
        *,
        next_key: str = "next_cursor",
        follow: Followed = "next",
        first_batch: int = FIRST_BATCH_BYTES,
        batch: int = BATCH_BYTES,
    ) -> None:
        self.cursors = Cursors()
        self.misfits: list[Misfit] = []
        self.count = 0
        self._key = key
        self._next_key = next_key
        self._follow: Followed = follow
        self._items = items
        self._buffer = ByteBuffer()
        self._head = bytearray()  # what stands before the array
        self._step: Callable[[], list[T] | None] = self._read_mark
        self._guesser = CutGuesser()
        self._sizes = _BatchSizes(first_batch, batch)
        self._wait = [0, 0]  # bytes in the buffer below which another look finds nothing new: usual, eager
        self._final = False
        self._eager = False
        self._separator_pending = False  # the last item was taken before the comma or bracket behind it had arrived

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Adds bytes of the body."""
        self._buffer.append(data)

    def forget(self) -> None:
        """Drops the bytes, which are the server's words: the frames of an exception may show this object."""
        self._buffer.clear()
        self._head = bytearray()

    def finish(self) -> None:
        """Declares the body complete."""
        self._final = True

    def take(self, *, eager: bool = False) -> list[T] | None:
        """Returns the next batch, or None; an `eager` one holds whatever is whole, however little.

        Raises:
            Truncated: the body has ended and its JSON has not.
            Malformed: the body is no JSON, or no page.
        """
        size = len(self._buffer)
        if size < self._wait[eager] and not self._final:
            return None
        self._eager = eager
        try:
            return self._step()
        except NeedMore:
            if self._final:
                raise Truncated("the body ends before its JSON does") from None
            # growing, so that bytes which are read again and again cost linear time in all
            self._wait[eager] = size + size // 4 + 1 if eager else 2 * size
            return None

    # -- before the array ------------------------------------------------------------------------------------------

    def _read_mark(self) -> list[T] | None:
        """Skips a byte order mark, which RFC 8259 lets parsers ignore."""
        buffer = self._buffer
        start = buffer.copy(buffer.at, min(buffer.end, buffer.at + len(BOM_UTF8)))
        if start == BOM_UTF8:
            buffer.at += len(BOM_UTF8)
        elif BOM_UTF8.startswith(start) and not self._final:
            raise NeedMore
        self._step = self._read_head
        return self._step()

    def _read_head(self) -> list[T] | None:
        buffer = self._buffer
        end = find_array(buffer, self._key, final=self._final)
        if end is None:
            self._step = self._read_tail  # no array: the whole body is the envelope
            return self._step()
        self._head += buffer.copy(buffer.at, end)
        buffer.at = end
        self._wait = [0, 0]
        self._step = self._read_items
        return self._step()

    # -- inside ----------------------------------------------------------------------------------------------------

    def _read_items(self) -> list[T] | None:
        """Takes a batch. The buffer begins with a bracket here, and an item or the array's end follows."""
        buffer = self._buffer
        if self._separator_pending and not self._consume_separator():
            return None
        start = after_whitespace(buffer, buffer.at + 1)
        if start == buffer.end:
            raise NeedMore
        if buffer.buffer[start] == 0x5D and self.count == 0:
            return self._end_array(start + 1)
        if len(buffer) >= self._sizes.target:
            batch = self._take_guessed()
            if batch is not None:
                return batch
        elif not self._final and not self._eager:
            self._wait[False] = self._sizes.target
            return None
        return self._take_exact(start)

    def _consume_separator(self) -> bool:
        """Consumes the pending comma or bracket; False if it was the bracket, and the array has ended."""
        buffer = self._buffer
        mark = after_whitespace(buffer, buffer.at)
        if mark == buffer.end:
            raise NeedMore
        self._separator_pending = False
        if buffer.buffer[mark] == 0x5D:
            self._end_array(mark + 1)
            return False
        if buffer.buffer[mark] != 0x2C:
            raise Malformed(f"neither comma nor bracket after item {self.count - 1}")
        buffer.at = mark
        buffer.buffer[mark] = 0x5B
        return True

    def _take_guessed(self) -> list[T] | None:
        """Takes a batch up to a guessed cut, if the guess proves right."""
        if not self._guesser.ready:
            return None
        comma = self._guesser.cut(self._buffer, self._sizes.target, BATCH_ITEMS)
        items = None if comma is None else self._decode_between(self._buffer.at, comma)
        self._guesser.note(right=items is not None)
        if comma is not None and items is not None:
            self._consume(comma, len(items))
        return items

    def _take_exact(self, start: int) -> list[T] | None:
        """Takes a batch whose items' ends are known, one by one."""
        buffer = self._buffer
        spans: list[Span] = []
        limit, mark = buffer.at + self._sizes.target, 0x2C
        # the first item in any case: white space may fill the batch
        while (start < limit or not spans) and len(spans) < BATCH_ITEMS and mark == 0x2C:
            try:
                end = value_end(buffer, start, final=self._final)
            except NeedMore:
                break
            if end == buffer.end:
                break
            spans.append((start, end))
            mark = buffer.buffer[end]
            if mark == 0x2C:
                start = after_whitespace(buffer, end + 1)
            elif mark != 0x5D:
                raise Malformed(f"neither comma nor bracket after item {self.count + len(spans) - 1}")
        if not spans:
            return self._take_last(start)
        self._guesser.learn(buffer, spans)
        items = self._decode_between(buffer.at, spans[-1][1])
        if items is None:
            del spans[SLOW_ITEMS:]
            items = self._decode_spans(spans, self.count)
        end = spans[-1][1]
        ended = buffer.buffer[end] == 0x5D
        self._consume(end, len(items))
        if ended:
            self._end_array(end + 1)
        return items

    def _take_last(self, start: int) -> list[T]:
        """Takes what seems to be one whole object with nothing behind it yet, if the reader is eager."""
        buffer = self._buffer
        ends_like_one = buffer.buffer[start] == 0x7B and buffer.buffer[buffer.end - 1] == 0x7D
        if not self._eager or self._final or not ends_like_one or not next_is_whole(buffer, start):
            raise NeedMore
        end = buffer.end
        items = self._decode_spans([(start, end)], self.count)
        self._consume(end, len(items))
        self._separator_pending = True
        return items

    def _decode_between(self, start: int, end: int) -> list[T] | None:
        """The items between two separators, or None if they are no array of what is expected."""
        data = self._buffer.buffer
        before, after = data[start], data[end]
        data[start], data[end] = 0x5B, 0x5D
        try:
            # no variable for the view: it would keep the old buffer alive when the buffer grows
            return self._items.batch(memoryview(data)[start : end + 1])
        except DECODE_ERRORS:
            return None
        finally:
            data[start], data[end] = before, after

    def _decode_spans(self, spans: list[Span], number: int, before: int | None = None) -> list[T]:
        """The items of these spans, the first of which is item `number` and stands behind the separator at `before`.

        Halving what does not decode at once leaves only the items that do not fit to be decoded by themselves.
        """
        items = self._decode_between(self._buffer.at if before is None else before, spans[-1][1])
        if items is not None:
            return items
        if len(spans) == 1:
            return [self._decode_single(spans[0], number)]
        half = len(spans) // 2
        first = self._decode_spans(spans[:half], number, before)
        return first + self._decode_spans(spans[half:], number + half, spans[half - 1][1])

    def _decode_single(self, span: Span, number: int) -> T:
        try:
            item, misfit = self._items.single(self._buffer.copy(*span).rstrip())
        except DECODE_ERRORS as error:
            raise Malformed(f"item {number}: {error}") from None
        if misfit is not None:
            self.misfits.append(misfit._replace(number=number))
        return item

    def _consume(self, end: int, items: int) -> None:
        buffer = self._buffer
        self.count += items
        self._sizes.note(end - buffer.at, self.count)
        buffer.at = end
        buffer.buffer[end] = 0x5B
        self._wait = [0, 0]

    # -- behind ----------------------------------------------------------------------------------------------------

    def _end_array(self, at: int) -> list[T] | None:
        self._buffer.at = at
        self._head += b"null"
        self._step = self._read_tail
        self._wait[False] = 0
        return None if self.count else self._step()

    def _read_tail(self) -> list[T] | None:
        if not self._final:
            self._wait[False] = len(self._buffer) + 1
            return None
        document = bytes(self._head) + self._buffer.copy(self._buffer.at)
        self.cursors = read_cursors(document, self._key, self._next_key, follow=self._follow)
        self._buffer.clear()
        self._step = _nothing
        return None


class _BatchSizes:
    """How many bytes the next batch is to have: enough for `BATCH_ITEMS` items of the average size so far."""

    __slots__ = ("_bytes", "_most", "target")

    def __init__(self, first: int, most: int) -> None:
        self.target = first
        self._most = most
        self._bytes = 0

    def note(self, size: int, count: int) -> None:
        """Records a batch of so many bytes, after which `count` items were taken in all."""
        self._bytes += size
        self.target = min(self._most, max(4096, self._bytes // max(1, count) * BATCH_ITEMS))


def _nothing() -> None:
    return None
