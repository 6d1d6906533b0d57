"""Bytes of a page in as they arrive, batches of works out. Pure: no I/O, no clock.

The body is an object with an array of works somewhere in it. Three facts carry the module:

- JSON's grammar is deterministic: if the bytes from the array's opening bracket up to some comma, with that comma
  replaced by a closing bracket, are a valid array, then the comma does part two elements. So a cut may be *guessed*
  (where something like the start of a work follows a comma), and the decode of the batch proves it. The comma then
  becomes the opening bracket of the rest: no byte is copied for it.
- Where guesses fail, the exact end of each value can be found, one at a time (`_scan`).
- What stands before and after the array is a small JSON document of its own once the array is taken out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec
from msgspec import Raw, Struct

from devrev_async.models import Work

from .buffer import ByteBuffer
from .fallback import DECODE_ERRORS, check_json_text, decode_one
from .interning import InterningDecoder
from .json_scanner import Malformed, NeedMore, Truncated, after_gap, ends_early, next_is_whole, value_end

__all__ = ["Misfit", "PageParser", "raw_page", "works_page"]

BATCH_BYTES: Final = 384 << 10
"""Bytes of a batch at most, one larger work excepted: about 4 ms of decoding."""

FIRST_BATCH_BYTES: Final = 16 << 10
"""The same of the first batch: what the first work waits for."""

BATCH_WORKS: Final = 200
"""About as many works a batch has at most: what holds the loop when works are tiny."""

_USUAL_HEAD: Final = re.compile(rb'[ \t\n\r]*\{[ \t\n\r]*"works"[ \t\n\r]*:[ \t\n\r]*(?=\[)')
_BRACE: Final = re.compile(rb"[ \t\n\r]*\{")
_KEY: Final = re.compile(rb'[ \t\n\r]*("(?:[^"\\]|\\.)*")[ \t\n\r]*:[ \t\n\r]*', re.DOTALL)
_PART_OF_KEY: Final = re.compile(rb'[ \t\n\r]*(?:"(?:[^"\\]|\\.)*(?:\\|"[ \t\n\r]*)?)?', re.DOTALL)
_ELEMENT_START: Final = re.compile(rb'\{[ \t\n\r]*("[^"\\]*")[ \t\n\r]*:[ \t\n\r]*(?:("[^"\\]*")[ \t\n\r]*,)?')
_TRIES: Final = 3
"""Failed guesses after which a body is cut exactly to its end."""

T = TypeVar("T")


class Misfit(NamedTuple):
    """A work that came as an `UnknownWork`: its place in the page, and why."""

    number: int
    reason: str


class _Envelope(Struct):
    works: Raw = Raw(b"")
    next_cursor: str | None = None
    prev_cursor: str | None = None


class PageParser(Generic[T]):
    """Cuts one body into batches.

    `feed` it bytes in pieces of any size, and `take` batches until it returns None, which means that more bytes are
    needed, or after `finish` that the page is whole. Then `next_cursor` and `prev_cursor` are those of the page.

    `decode` turns a JSON array into its elements or raises one of `DECODE_ERRORS`; what it returns must not refer to
    the bytes it was given, which change. `decode_single` turns one element into itself and None, or a stand-in and the
    reason for it.
    """

    def __init__(
        self,
        decode: Callable[[memoryview], list[T]],
        decode_single: Callable[[bytes], tuple[T, str | None]],
        *,
        first_batch: int = FIRST_BATCH_BYTES,
        batch: int = BATCH_BYTES,
    ) -> None:
        self.next_cursor: str | None = None
        self.prev_cursor: str | None = None
        self.misfits: list[Misfit] = []
        self.count = 0
        self._decode = decode
        self._decode_single = decode_single
        self._target = first_batch
        self._batch = batch
        self._rest = ByteBuffer()
        self._head = bytearray()  # what stands before the array
        self._step: Callable[[], list[T] | None] = self._read_head
        self._final = False
        self._worth_a_look = 0  # bytes in the buffer below which looking again would find nothing new
        self._separator: bytes | None = None  # what parts two works, up to the second one's first key
        self._starts: set[bytes] = set()  # ways in which a work was seen to start
        self._tries = _TRIES
        self._bytes = 0
        self._eager = False
        self._worth_a_try = 0  # the same of eager looks
        self._owed = False  # the last work was taken before the comma or bracket behind it had come

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """More of the body."""
        self._rest.append(data)

    def forget(self) -> None:
        """Let go of the bytes, which are the server's words: the frames of an exception may show this object."""
        self._rest.clear()
        self._head = bytearray()

    def finish(self) -> None:
        """That was the whole body."""
        self._final = True

    def take(self, *, eager: bool = False) -> list[T] | None:
        """The next batch, or None; an `eager` one is whatever is whole, though it be less than a batch.

        Raises:
            Truncated: the body has ended and its JSON has not.
            Malformed: the body is no JSON, or no page of works.
        """
        size = len(self._rest)
        if size < (self._worth_a_try if eager else self._worth_a_look) and not self._final:
            return None
        self._eager = eager
        try:
            return self._step()
        except NeedMore:
            if self._final:
                raise Truncated("the body ends before its JSON does") from None
            # so much more next time that what is looked at again and again stays linear in all
            if eager:
                self._worth_a_try = size + size // 4 + 1
            else:
                self._worth_a_look = 2 * size
            return None

    # -- before the array ------------------------------------------------------------------------------------------

    def _read_head(self) -> list[T] | None:
        rest = self._rest
        match = rest.match(_USUAL_HEAD, rest.at)
        end = match.end() if match else self._find_array()
        if end is None:
            self._step = self._read_tail  # no array: the whole body is the envelope
            return self._step()
        self._head += rest.copy(rest.at, end)
        rest.at = end
        self._worth_a_look = self._worth_a_try = 0
        self._step = self._read_elements
        return self._step()

    def _find_array(self) -> int | None:
        """Where the array under "works" starts; None if the body is no object or has no array there."""
        rest = self._rest
        brace = rest.match(_BRACE, rest.at)
        if brace is None:
            if after_gap(rest, rest.at) == rest.end:
                raise NeedMore
            return None
        at = brace.end()
        while (key := rest.match(_KEY, at)) is not None:
            at = key.end()
            if at >= rest.end:
                raise NeedMore
            if _is_works(key[1]):
                return at if rest.buffer[at] == 0x5B else None
            at = value_end(rest, at, final=self._final)
            if at >= rest.end:
                raise NeedMore
            if rest.buffer[at] != 0x2C:
                return None
            at += 1
        if _PART_OF_KEY.fullmatch(rest.buffer, at, rest.end):
            raise NeedMore
        return None

    # -- inside ----------------------------------------------------------------------------------------------------

    def _read_elements(self) -> list[T] | None:
        """A batch. Here the rest begins with a bracket, and an element or the array's end follows."""
        rest = self._rest
        if self._owed and not self._settle():
            return None
        start = after_gap(rest, rest.at + 1)
        if start == rest.end:
            raise NeedMore
        if rest.buffer[start] == 0x5D and self.count == 0:
            return self._end_array(start + 1)
        if len(rest) >= self._target:
            batch = self._take_guessed()
            if batch is not None:
                return batch
        elif not self._final and not self._eager:
            self._worth_a_look = self._target
            return None
        return self._take_exact(start)

    def _settle(self) -> bool:
        """Find the comma or bracket that is owed; False if it was the bracket, and the array has ended."""
        rest = self._rest
        mark = after_gap(rest, rest.at)
        if mark == rest.end:
            raise NeedMore
        self._owed = False
        if rest.buffer[mark] == 0x5D:
            self._end_array(mark + 1)
            return False
        if rest.buffer[mark] != 0x2C:
            raise Malformed(f"neither comma nor bracket after work {self.count - 1}")
        rest.at = mark
        rest.buffer[mark] = 0x5B
        return True

    def _take_guessed(self) -> list[T] | None:
        """A batch up to a guessed cut, if the guess proves right."""
        if self._separator is None or self._tries == 0:
            return None
        comma = self._guess()
        works = None if comma is None else self._try_to_decode(comma)
        if comma is None or works is None:
            self._tries -= 1
            return None
        self._tries = _TRIES
        self._drop(comma, len(works))
        return works

    def _guess(self) -> int | None:
        """The comma behind the last element that seems to end within the target."""
        comma = self._separator_before(self._rest.at + self._target)
        before = None if comma is None else self._separator_before(comma)
        if comma is None or before is None:
            return comma
        size = comma - before
        if comma - self._rest.at > 4 * BATCH_WORKS * size:  # works have become tiny: so many must not make one batch
            return self._separator_before(self._rest.at + BATCH_WORKS * size) or comma
        return comma

    def _separator_before(self, end: int) -> int | None:
        separator, rest = self._separator or b"", self._rest
        for _ in range(64):  # nested objects may start like works; those are passed over
            at = rest.buffer.rfind(separator, rest.at, end)
            if at < 0:
                return None
            start = rest.match(_ELEMENT_START, rest.buffer.index(b"{", at))
            if start is not None and _manner(start) in self._starts:
                return rest.buffer.index(b",", at)
            end = at + len(separator) - 1
        return None

    def _take_exact(self, start: int) -> list[T] | None:
        """A batch whose elements' ends are known, one by one."""
        rest = self._rest
        spans: list[tuple[int, int]] = []
        limit, mark = rest.at + self._target, 0x2C
        while start < limit and len(spans) < BATCH_WORKS and mark == 0x2C:
            try:
                end = value_end(rest, start, final=self._final)
            except NeedMore:
                break
            if end == rest.end:
                break
            spans.append((start, end))
            mark = rest.buffer[end]
            if mark == 0x2C:
                start = after_gap(rest, end + 1)
            elif mark != 0x5D:
                raise Malformed(f"neither comma nor bracket after work {self.count + len(spans) - 1}")
        if not spans:
            return self._take_last(start)
        end = spans[-1][1]
        works = self._try_to_decode(end)
        if works is None:
            works = self._decode_spans(spans)
        self._learn(spans)
        self._drop(end, len(works))
        if mark == 0x5D:
            self._end_array(end + 1)
        return works

    def _take_last(self, start: int) -> list[T]:
        """What seems to be one whole object with nothing behind it yet; only for one who will not wait."""
        rest = self._rest
        ends_like_one = rest.buffer[start] == 0x7B and rest.buffer[rest.end - 1] == 0x7D
        if not self._eager or self._final or not ends_like_one or not next_is_whole(rest, start):
            raise NeedMore
        end = rest.end
        works = self._try_to_decode(end)
        if works is None:
            works = self._decode_spans([(start, end)])
        self._drop(end, len(works))
        self._owed = True
        return works

    def _try_to_decode(self, end: int) -> list[T] | None:
        """The elements up to the comma or bracket at `end`, or None if they are no array of what is expected."""
        rest = self._rest
        mark = rest.buffer[end]
        rest.buffer[end] = 0x5D
        try:
            # no variable for the view: it would keep the old buffer when the window grows
            return self._decode(memoryview(rest.buffer)[rest.at : end + 1])
        except DECODE_ERRORS:
            return None
        finally:
            rest.buffer[end] = mark

    def _decode_spans(self, spans: list[tuple[int, int]]) -> list[T]:
        works: list[T] = []
        for index, (start, end) in enumerate(spans, self.count):
            try:
                work, reason = self._decode_single(self._rest.copy(start, end).rstrip())
            except ValueError as error:
                raise Malformed(f"work {index} is no JSON: {error}") from None
            if reason is not None:
                self.misfits.append(Misfit(index, reason))
            works.append(work)
        return works

    def _learn(self, spans: list[tuple[int, int]]) -> None:
        """Remember how a work starts, and what parts it from the one before."""
        for start, _ in spans:
            match = self._rest.match(_ELEMENT_START, start)
            if match is not None and len(self._starts) < 16:
                self._starts.add(_manner(match))
        if self._separator is None and len(spans) > 1:
            (_, end), (start, _) = spans[-2:]
            match = self._rest.match(_ELEMENT_START, start)
            brace = self._rest.buffer.rfind(b"}", self._rest.at, end)
            if match is not None and brace >= 0:
                self._separator = self._rest.copy(brace, match.end(1))

    def _drop(self, end: int, works: int) -> None:
        self.count += works
        self._bytes += end - self._rest.at
        self._rest.at = end
        self._rest.buffer[end] = 0x5B
        average = self._bytes // max(1, self.count)
        self._target = min(self._batch, max(4096, average * BATCH_WORKS))
        self._worth_a_look = self._worth_a_try = 0

    # -- behind ----------------------------------------------------------------------------------------------------

    def _end_array(self, at: int) -> list[T] | None:
        self._rest.at = at
        self._head += b"null"
        self._step = self._read_tail
        self._worth_a_look = 0
        return None if self.count else self._step()

    def _read_tail(self) -> list[T] | None:
        if not self._final:
            self._worth_a_look = len(self._rest) + 1
            return None
        document = bytes(self._head) + self._rest.copy(self._rest.at)
        try:
            envelope = msgspec.json.decode(document, type=_Envelope)
            _check_single(document)
        except DECODE_ERRORS as error:
            if ends_early(str(error), len(document)):
                raise Truncated("the body ends before its JSON does") from None
            raise Malformed(str(error)) from None
        if bytes(envelope.works) != b"null":
            raise Malformed("the answer has no array of works")
        self.next_cursor, self.prev_cursor = envelope.next_cursor, envelope.prev_cursor
        self._rest.clear()
        self._step = _nothing
        return None


def _nothing() -> None:
    return None


def _is_works(key: bytes) -> bool:
    try:
        return bool(json.loads(key) == "works")
    except ValueError:
        return False


def _manner(start: re.Match[bytes]) -> bytes:
    """How an element starts: its first key, with the value where that is its type."""
    key, value = start[1], start[2]
    return key + (value or b"") if key == b'"type"' else key


def _check_single(document: bytes) -> None:
    """Raise ValueError if the envelope has the array's key twice: which one counts would be a matter of taste."""
    if document.count(b'works"') > 1 or b"\\u" in document:
        outermost: list[str] = []

        def note(pairs: list[tuple[str, Any]]) -> None:
            outermost[:] = [key for key, _ in pairs]  # the outermost object is closed last

        json.loads(document, object_pairs_hook=note)
        if outermost.count("works") > 1:
            raise ValueError("the answer has two arrays of works")


def works_page(decoder: InterningDecoder) -> PageParser[Work]:
    """A stream of works, typed, their repeated parts shared through `decoder`."""
    return PageParser[Work](decoder.decode, decode_one)


def raw_page() -> PageParser[bytes]:
    """A stream of works as their bytes, unchanged."""
    return PageParser(_raw_works, _raw_work)


_decode_raws: Final = msgspec.json.Decoder(list[Raw]).decode


def _raw_works(array: memoryview) -> list[bytes]:
    return [bytes(raw) for raw in _decode_raws(array)]


def _raw_work(work: bytes) -> tuple[bytes, str | None]:
    check_json_text(work)
    return work, None
