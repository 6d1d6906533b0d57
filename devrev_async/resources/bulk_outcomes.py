"""The outcomes of a bulk call. Pure: no I/O, no tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from devrev_async import errors
from devrev_async.models import Work

__all__ = ["BulkProgress", "BulkResult", "Failure", "Ledger", "Outcome"]


class Outcome(msgspec.Struct, frozen=True):
    """The outcome of one input, as iterating over a `BulkRun` yields it: a work, or an error.

    Attributes:
        index: the position of the input, from 0.
        key: the id as given.
        work: the work that was fetched or updated; None where the input failed.
        error: a `DevRevError`, or what is wrong with the input; None where it succeeded. Its `outcome_unknown` is
            True for a write that may have been applied.
    """

    index: int
    key: str
    work: Work | None = None
    error: Exception | None = None


class Failure(msgspec.Struct, frozen=True):
    """One input that failed.

    Attributes:
        key: the id as given.
        error: a `DevRevError`, or what is wrong with the input.
        input: the id or the `WorkUpdate` as given, so that it can be passed to a next call.
        index: the position of the input, from 0.
    """

    key: str
    error: Exception
    input: Any
    index: int


class BulkProgress(msgspec.Struct, frozen=True):
    """How far a bulk call is, as `on_progress` receives it after each outcome.

    Attributes:
        done: inputs with an outcome; the sum of the last three.
        total: the number of inputs; None where an iterator does not say it.
        ok: inputs that succeeded.
        failed: inputs that failed and changed nothing.
        unknown: writes that may have been applied although they failed.
    """

    done: int
    total: int | None
    ok: int
    failed: int
    unknown: int


class _Pending:
    """Marks an input that was read and has no outcome yet."""

    __slots__ = ("input",)

    def __init__(self, input: Any) -> None:
        self.input = input


class Ledger:
    """The outcomes by input, as a run records them. A weak reference to it shows whether anyone can still read them.

    Args:
        inputs: all of them where they are a sequence, else none; what is never read of them is pending.
        keep: outcomes that were yielded are kept. Otherwise it is no longer than what is in flight.
    """

    __slots__ = ("__weakref__", "_begun", "_entries", "_inputs", "_keep")

    def __init__(self, inputs: Sequence[Any] = (), *, keep: bool = True) -> None:
        self._inputs = inputs
        self._keep = keep
        self._begun = 0
        self._entries: dict[int, Work | Failure | _Pending] = {}

    def __len__(self) -> int:
        return max(self._begun, len(self._inputs))

    def begin(self, input: Any) -> None:
        """Records that the next input was read."""
        self._entries[self._begun] = _Pending(input)
        self._begun += 1

    def put(self, index: int, entry: Work | Failure) -> None:
        """Records the outcome of an input."""
        self._entries[index] = entry

    def yielded(self, index: int) -> None:
        """Records that the outcome of an input was yielded."""
        if not self._keep:
            del self._entries[index]

    def outcomes(self) -> dict[int, Work | Failure]:
        """Returns the outcomes by input."""
        return {index: entry for index, entry in self._entries.items() if not isinstance(entry, _Pending)}

    def works(self) -> list[Work]:
        """Returns the works, in input order."""
        return [entry for entry in self._entries.values() if not isinstance(entry, Failure | _Pending)]

    def failures(self, *, unknown: bool) -> list[Failure]:
        """Returns the failures after which a write may have been applied, or the others."""
        failures = [entry for entry in self._entries.values() if isinstance(entry, Failure)]
        return [failure for failure in failures if is_unknown(failure.error) is unknown]

    def pending(self) -> list[Any]:
        """Returns the inputs without an outcome."""
        read = [entry.input for entry in self._entries.values() if isinstance(entry, _Pending)]
        return read + list(self._inputs[self._begun :])


def is_unknown(error: Exception) -> bool:
    """Returns whether a write that failed with this error may have been applied."""
    return isinstance(error, errors.OutcomeUnknownError)


class BulkResult:
    """The outcome of each input, in input order; an input given twice is there twice.

    It is valid at any time: while the call runs, after a failure, and after a cancellation.
    """

    __slots__ = ("_ledger",)

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @property
    def ok(self) -> list[Work]:
        """The works that were fetched or updated."""
        return self._ledger.works()

    @property
    def failed(self) -> list[Failure]:
        """The inputs that failed and changed nothing."""
        return self._ledger.failures(unknown=False)

    @property
    def unknown(self) -> list[Failure]:
        """The writes that may have been applied although they failed."""
        return self._ledger.failures(unknown=True)

    @property
    def pending(self) -> list[Any]:
        """The inputs without an outcome: none once a call has ended, unless it was cancelled or failed.

        Of an iterator these are the ones that were taken from it; the others are still in it.
        """
        return self._ledger.pending()

    def raise_for_failures(self) -> None:
        """Raises an ExceptionGroup of all errors, if there is any; each has a note that names its id."""
        failures = sorted(self.failed + self.unknown, key=lambda failure: failure.index)
        if not failures:
            return
        for failure in failures:
            note = f"of {failure.key}"
            if note not in getattr(failure.error, "__notes__", ()):
                failure.error.add_note(note)
        raise ExceptionGroup(f"{len(failures)} of {len(self._ledger)} failed", [failure.error for failure in failures])

    def __repr__(self) -> str:
        counts = (f"{name}={len(getattr(self, name))}" for name in ("ok", "failed", "unknown", "pending"))
        return f"<BulkResult {' '.join(counts)}>"
