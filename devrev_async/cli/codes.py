"""The exit codes, which error ends with which, and its one line."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from enum import IntEnum
from typing import Final

from devrev_async import (
    BadRequestError,
    ConfigurationError,
    DevRevError,
    ForbiddenError,
    InternalServerError,
    MissingTokenError,
    UnauthorizedError,
)

__all__ = ["Code", "CommandError", "UsageError", "code_of", "describe", "refusals_as_usage"]


class Code(IntEnum):
    """What the process returns to the shell. One that a signal ends returns 128 and the signal's number."""

    DONE = 0
    ERROR = 1
    USAGE = 2
    SOME_FAILED = 3
    AUTHORISATION = 4
    INTERRUPTED = 130


class CommandError(Exception):
    """The command cannot be run here: one line, exit code 1."""

    code = Code.ERROR


class UsageError(CommandError):
    """What was asked for cannot be meant: one line, exit code 2."""

    code = Code.USAGE


_SHOWN: Final = 500
"""Characters of a text of the server."""

_INPUT: Final = re.compile(r"\Ainput \d+: ")
_ARGUMENT: Final = re.compile(
    r"\A(path|state|directory|format|columns|csv_safe|rows_per_file)(?= takes | is | begins |: )|\b(format|items)="
)

_CLASSES: Final = re.compile(r"(; pass )?\ban? (?:DateRange, LastDays or NextDays|\w+Filter)\b")
"""What a program would pass for a filter, where the command takes JSON."""


@contextmanager
def refusals_as_usage() -> Generator[None]:
    """What the client refuses before it sends anything is what the user wrote."""
    try:
        yield
    except DevRevError:
        raise
    except (ValueError, TypeError) as error:
        raise UsageError(_with_options(str(error))) from error


def _with_options(text: str) -> str:
    """The text of a refused argument with the names that it has on the command line."""

    def option(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        return "-o" if name in ("path", "directory") else f"--{name.replace('_', '-')}"

    text = _CLASSES.sub(lambda found: "" if found[1] else "a JSON object", text)
    return _ARGUMENT.sub(option, _INPUT.sub("", text))


def code_of(error: Exception) -> Code:
    """The exit code of an error that ends the command.

    A 400 counts as usage: what the server refuses there is what the user wrote, a filter or a value.
    """
    if isinstance(error, CommandError):
        return error.code
    if isinstance(error, UnauthorizedError | ForbiddenError | MissingTokenError):
        return Code.AUTHORISATION
    if isinstance(error, ConfigurationError | BadRequestError):
        return Code.USAGE
    return Code.ERROR


def describe(error: BaseException) -> str:
    """The error's text, and what there is to know beside it."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    text = str(error) or type(error).__name__
    hint: str | None = getattr(error, "hint", None)
    if hint and hint not in text:
        text += f" ({hint})"
    if isinstance(error, InternalServerError) and error.reference_id and error.reference_id not in text:
        text += f" (reference for DevRev's support: {_shortened(error.reference_id)})"
    return text


def _shortened(text: str) -> str:
    """A text of the server, bounded as those in the error's own text are."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
