"""Bytes of a page in as they arrive, batches of works out. Pure: no I/O, no clock.

The body is an object with an array of works somewhere in it. Three facts carry the module:

- JSON's grammar is deterministic: if the bytes from the array's opening bracket up to some comma, with that comma
  replaced by a closing bracket, are a valid array, then the comma does part two elements. So a cut may be *guessed*
  (where something like the start of a work follows a comma), and the decode of the batch proves it. The comma then
  becomes the opening bracket of the rest: no byte is copied for it.
- msgspec names the byte at which a value ends when more follows. That gives exact ends, one value at a time, at a
  seventh of the cost of a typed decode, for bodies in which guesses fail.
- What stands before and after the array is a small JSON document of its own once the array is taken out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec
from msgspec import Raw, Struct

from .models import DECODE_ERRORS, SharedDecoder, Work, check_json_text, decode_one

__all__ = ["Malformed", "Misfit", "PageStream", "Truncated", "raw_page", "works_page"]

BATCH_BYTES: Final = 384 << 10
"""Bytes of a batch at most, one larger work excepted: about 4 ms of decoding."""

FIRST_BATCH_BYTES: Final = 16 << 10
"""The same of the first batch: what the first work waits for."""

BATCH_WORKS: Final = 200
"""About as many works a batch has at most: what holds the loop when works are tiny."""

_skip: Final = msgspec.json.Decoder(Raw).decode
_WHERE: Final = re.compile(r"\(byte (\d+)\)\Z")
_USUAL_HEAD: Final = re.compile(rb'[ \t\n\r]*\{[ \t\n\r]*"works"[ \t\n\r]*:[ \t\n\r]*(?=\[)')
_BRACE: Final = re.compile(rb"[ \t\n\r]*\{")
_KEY: Final = re.compile(rb'[ \t\n\r]*("(?:[^"\\]|\\.)*")[ \t\n\r]*:[ \t\n\r]*', re.DOTALL)
_PART_OF_KEY: Final = re.compile(rb'[ \t\n\r]*(?:"(?:[^"\\]|\\.)*(?:\\|"[ \t\n\r]*)?)?', re.DOTALL)
_GAP: Final = re.compile(rb"[ \t\n\r]*")
_ELEMENT_START: Final = re.compile(rb'\{[ \t\n\r]*("[^"\\]*")[ \t\n\r]*:[ \t\n\r]*(?:("[^"\\]*")[ \t\n\r]*,)?')
_as_text: Final = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode
_TRIES: Final = 3
"""Failed guesses after which a body is cut exactly to its end."""

T = TypeVar("T")


class Malformed(Exception):  # noqa: N818 - a finding of this module; callers make an error of it
    """The body is no JSON, or not of the documented shape."""


class Truncated(Malformed):
    """The body ends before its JSON does."""


class Misfit(NamedTuple):
    """A work that came as an `UnknownWork`: its place in the page, and why."""

    number: int
    reason: str


class _Envelope(Struct):
    works: Raw = Raw(b"")
    next_cursor: str | None = None
    prev_cursor: str | None = None


class _NeedMore(Exception):  # noqa: N818 - a turn of this module's control flow, and no error
    pass


class PageStream(Generic[T]):
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
        self._buffer = bytearray()
        self._at = 0  # where in the buffer the rest begins
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
        if self._at:
            # not `del` and `+=`: each of those may move what it keeps
            self._buffer = bytearray().join((memoryview(self._buffer)[self._at :], data))
            self._at = 0
        else:
            self._buffer += data

    def forget(self) -> None:
        """Let go of the bytes, which are the server's words: the frames of an exception may show this object."""
        self._buffer = bytearray()
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
        size = len(self._buffer) - self._at
        if size < (self._worth_a_try if eager else self._worth_a_look) and not self._final:
            return None
        self._eager = eager
        try:
            return self._step()
        except _NeedMore:
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
        match = _USUAL_HEAD.match(self._buffer)
        end = match.end() if match else self._find_array()
        if end is None:
            self._step = self._read_tail  # no array: the whole body is the envelope
            return self._step()
        self._head += self._buffer[:end]
        self._at = end
        self._worth_a_look = self._worth_a_try = 0
        self._step = self._read_elements
        return self._step()

    def _find_array(self) -> int | None:
        """Where the array under "works" starts; None if the body is no object or has no array there."""
        buffer = self._buffer
        brace = _BRACE.match(buffer)
        if brace is None:
            if not buffer.strip():
                raise _NeedMore
            return None
        at = brace.end()
        while (key := _KEY.match(buffer, at)) is not None:
            at = key.end()
            if at >= len(buffer):
                raise _NeedMore
            if _is_works(key[1]):
                return at if buffer[at] == 0x5B else None
            at = self._value_end(at)
            if at >= len(buffer):
                raise _NeedMore
            if buffer[at] != 0x2C:
                return None
            at += 1
        if _PART_OF_KEY.fullmatch(buffer, at):
            raise _NeedMore
        return None

    # -- inside ----------------------------------------------------------------------------------------------------

    def _read_elements(self) -> list[T] | None:
        """A batch. Here the rest begins with a bracket, and an element or the array's end follows."""
        buffer = self._buffer
        if self._owed and not self._settle():
            return None
        start = _after_gap(buffer, self._at + 1)
        if start == len(buffer):
            raise _NeedMore
        if buffer[start] == 0x5D and self.count == 0:
            return self._end_array(start + 1)
        if len(buffer) - self._at >= self._target:
            batch = self._take_guessed()
            if batch is not None:
                return batch
        elif not self._final and not self._eager:
            self._worth_a_look = self._target
            return None
        return self._take_exact(start)

    def _settle(self) -> bool:
        """Find the comma or bracket that is owed; False if it was the bracket, and the array has ended."""
        mark = _after_gap(self._buffer, self._at)
        if mark == len(self._buffer):
            raise _NeedMore
        self._owed = False
        if self._buffer[mark] == 0x5D:
            self._end_array(mark + 1)
            return False
        if self._buffer[mark] != 0x2C:
            raise Malformed(f"neither comma nor bracket after work {self.count - 1}")
        self._at = mark
        self._buffer[mark] = 0x5B
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
        comma = self._separator_before(self._at + self._target)
        before = None if comma is None else self._separator_before(comma)
        if comma is None or before is None:
            return comma
        size = comma - before
        if comma - self._at > 4 * BATCH_WORKS * size:  # works have become tiny: so many must not make one batch
            return self._separator_before(self._at + BATCH_WORKS * size) or comma
        return comma

    def _separator_before(self, end: int) -> int | None:
        separator, buffer = self._separator or b"", self._buffer
        for _ in range(64):  # nested objects may start like works; those are passed over
            at = buffer.rfind(separator, self._at, end)
            if at < 0:
                return None
            start = _ELEMENT_START.match(buffer, buffer.index(b"{", at))
            if start is not None and _manner(start) in self._starts:
                return buffer.index(b",", at)
            end = at + len(separator) - 1
        return None

    def _take_exact(self, start: int) -> list[T] | None:
        """A batch whose elements' ends are known, one by one."""
        buffer = self._buffer
        spans: list[tuple[int, int]] = []
        limit, mark = self._at + self._target, 0x2C
        while start < limit and len(spans) < BATCH_WORKS and mark == 0x2C:
            try:
                end = self._value_end(start)
            except _NeedMore:
                end = len(buffer)
            if end == len(buffer):
                break
            spans.append((start, end))
            mark = buffer[end]
            if mark == 0x2C:
                start = _after_gap(buffer, end + 1)
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
        buffer = self._buffer
        if not self._eager or self._final or buffer[start] != 0x7B or buffer[-1] != 0x7D:
            raise _NeedMore
        try:
            _skip(bytes(buffer[start:]))
        except (msgspec.DecodeError, RecursionError):
            raise _NeedMore from None
        end = len(buffer)
        buffer.append(0x5D)
        works = self._try_to_decode(end)
        if works is None:
            works = self._decode_spans([(start, end)])
        self._drop(end, len(works))
        del buffer[end:]
        self._owed = True
        return works

    def _try_to_decode(self, end: int) -> list[T] | None:
        """The elements up to the comma or bracket at `end`, or None if they are no array of what is expected."""
        mark = self._buffer[end]
        self._buffer[end] = 0x5D
        try:
            # nothing may hold on to the view when the buffer is resized: no variable, no exception that is kept
            return self._decode(memoryview(self._buffer)[self._at : end + 1])
        except DECODE_ERRORS:
            return None
        finally:
            self._buffer[end] = mark

    def _decode_spans(self, spans: list[tuple[int, int]]) -> list[T]:
        works: list[T] = []
        for index, (start, end) in enumerate(spans, self.count):
            try:
                work, reason = self._decode_single(bytes(self._buffer[start:end]).rstrip())
            except ValueError as error:
                raise Malformed(f"work {index} is no JSON: {error}") from None
            if reason is not None:
                self.misfits.append(Misfit(index, reason))
            works.append(work)
        return works

    def _learn(self, spans: list[tuple[int, int]]) -> None:
        """Remember how a work starts, and what parts it from the one before."""
        for start, _ in spans:
            match = _ELEMENT_START.match(self._buffer, start)
            if match is not None and len(self._starts) < 16:
                self._starts.add(_manner(match))
        if self._separator is None and len(spans) > 1:
            (_, end), (start, _) = spans[-2:]
            match = _ELEMENT_START.match(self._buffer, start)
            brace = self._buffer.rfind(b"}", self._at, end)
            if match is not None and brace >= 0:
                self._separator = bytes(self._buffer[brace : match.end(1)])

    def _drop(self, end: int, works: int) -> None:
        self.count += works
        self._bytes += end - self._at
        self._at = end
        self._buffer[end] = 0x5B
        average = self._bytes // max(1, self.count)
        self._target = min(self._batch, max(4096, average * BATCH_WORKS))
        self._worth_a_look = self._worth_a_try = 0

    def _value_end(self, at: int) -> int:
        """Where the value that starts at `at` ends, white space after it included."""
        with memoryview(self._buffer) as view, view[at:] as rest:
            try:
                _skip(rest)
            except msgspec.DecodeError as error:
                said = str(error)
            except RecursionError:
                raise Malformed("nested too deeply") from None
            else:
                raise _NeedMore  # it may go on in the bytes to come
        where = _WHERE.search(said)
        if where is not None and "trailing characters" in said:
            return at + int(where[1]) - 1
        if "surrogate" in said or "hex escape" in said:
            return self._value_end_by_text(at)
        if _is_cut(said, len(self._buffer) - at):
            if self._final and self._buffer.find(b"\\u", at) >= 0:  # so it says of half a surrogate pair near the end
                return self._value_end_by_text(at)
            raise _NeedMore
        raise Malformed(said)

    def _value_end_by_text(self, at: int) -> int:
        # A string with half a surrogate pair is JSON, though not to msgspec.
        try:
            text = self._buffer[at:].decode("utf-8", "strict" if self._final else "ignore")
        except UnicodeDecodeError as error:
            raise Malformed(str(error)) from None
        try:
            _, end = _as_text(text)
        except RecursionError:
            raise Malformed("nested too deeply") from None
        except json.JSONDecodeError as error:
            if self._final and error.pos + len("\\u0000") < len(text) and not error.msg.startswith("Unterminated"):
                raise Malformed(str(error)) from None
            raise _NeedMore from None
        return _after_gap(self._buffer, at + len(text[:end].encode()))

    # -- behind ----------------------------------------------------------------------------------------------------

    def _end_array(self, at: int) -> list[T] | None:
        del self._buffer[:at]
        self._at = 0
        self._head += b"null"
        self._step = self._read_tail
        self._worth_a_look = 0
        return None if self.count else self._step()

    def _read_tail(self) -> list[T] | None:
        if not self._final:
            self._worth_a_look = len(self._buffer) + 1
            return None
        document = bytes(self._head + self._buffer)
        try:
            envelope = msgspec.json.decode(document, type=_Envelope)
            _check_single(document)
        except DECODE_ERRORS as error:
            if _is_cut(str(error), len(document)):
                raise Truncated("the body ends before its JSON does") from None
            raise Malformed(str(error)) from None
        if bytes(envelope.works) != b"null":
            raise Malformed("the answer has no array of works")
        self.next_cursor, self.prev_cursor = envelope.next_cursor, envelope.prev_cursor
        self._buffer.clear()
        self._step = _nothing
        return None


def _after_gap(buffer: bytearray, at: int) -> int:
    gap = _GAP.match(buffer, at)
    return at if gap is None else gap.end()


def _is_cut(said: str, size: int) -> bool:
    """Whether msgspec complains that a document of this size ends too early; in a number it calls that malformed."""
    where = _WHERE.search(said)
    if where is None or "trailing characters" in said:
        return "truncated" in said
    return int(where[1]) >= size


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


def works_page(decoder: SharedDecoder) -> PageStream[Work]:
    """A stream of works, typed, their repeated parts shared through `decoder`."""
    return PageStream[Work](decoder.decode, decode_one)


def raw_page() -> PageStream[bytes]:
    """A stream of works as their bytes, unchanged."""
    return PageStream(_raw_works, _raw_work)


_decode_raws: Final = msgspec.json.Decoder(list[Raw]).decode


def _raw_works(array: memoryview) -> list[bytes]:
    return [bytes(raw) for raw in _decode_raws(array)]


def _raw_work(work: bytes) -> tuple[bytes, str | None]:
    check_json_text(work)
    return work, None
