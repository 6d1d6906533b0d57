"""Checks the arguments of a sandbox and of its faults before anything is done with them."""

import ipaddress
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from .quirks import Quirks

_TOKEN = re.compile(r"[!-~]+")
_ORGANISATION = re.compile(r"[A-Za-z0-9-]+")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def check_works(works: object) -> None:
    """Raises TypeError or ValueError for what is neither a number, a path nor an iterable of works."""
    given: object = works
    if isinstance(works, int):
        check_int("works", works, lowest=0)
    elif isinstance(works, Mapping) or not isinstance(works, str | os.PathLike | Iterable):
        raise TypeError(f"works takes an int, a path or an iterable of works, not {_shown(given)}")


def check_server(host: object, port: object, token: object, *, gzip: object, latency: object) -> None:
    """Raises TypeError or ValueError for an address or a token that no client could use."""
    try:
        loopback = host == "localhost" or ipaddress.ip_address(cast("str", host)).is_loopback
    except ValueError:
        loopback = False
    if not isinstance(host, str) or not loopback:
        raise ValueError(f"the sandbox serves on loopback only, not on {host!r}")
    check_int("port", port, lowest=0, highest=65_535)
    if token is not None and not _TOKEN.fullmatch(_text("token", token)):
        raise ValueError("token takes printable ASCII characters without white space, at least one")
    check_bool("gzip", gzip)
    check_seconds("latency", latency)


def check_data(seed: object, organisation: object, quirks: object) -> None:
    """Raises TypeError or ValueError for what no data can be made with."""
    check_int("seed", seed)
    if not _ORGANISATION.fullmatch(_text("organisation", organisation)):
        raise ValueError(f"organisation must be letters, digits and hyphens, not {organisation!r}")
    if not isinstance(quirks, Quirks):
        raise TypeError(f"quirks takes Quirks(...), not {_shown(quirks)}")


def check_quota(quota: object, window: object) -> None:
    """Raises TypeError or ValueError for a quota below 1, or a window without a length."""
    if quota is not None:
        check_int("quota", quota, lowest=1)
    check_seconds("window", window)
    if window == 0:
        raise ValueError("window takes more than 0 seconds")


def check_fault(
    *, status: object, times: object, headers: object, retry_after: object, delay: object, applied: object, drop: object
) -> None:
    """Raises TypeError or ValueError for a fault that could not be answered."""
    if status is not None:
        check_int("status", status, lowest=200, highest=599)
    check_int("times", times, lowest=1)
    _check_headers({} if headers is None else headers)
    if retry_after is not None:
        check_seconds("retry_after", retry_after)
    check_seconds("delay", delay)
    check_bool("applied", applied)
    check_bool("drop", drop)


def check_hook(callback: object, after_works: object) -> None:
    """Raises TypeError or ValueError for what cannot be called, or a negative number of works."""
    if not callable(callback):
        raise TypeError(f"callback takes something that can be called, not {_shown(callback)}")
    if after_works is not None:
        check_int("after_works", after_works, lowest=0)


def check_names(name: str, value: object) -> None:
    """Raises TypeError for what is no sequence of str; a str alone would be taken for its letters."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TypeError(f"{name} takes a list of str, not {_shown(value)}")


def check_bool(name: str, value: object) -> None:
    """Raises TypeError for what is no bool."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} takes a bool, not {_shown(value)}")


def check_int(name: str, value: object, *, lowest: int | None = None, highest: int | None = None) -> None:
    """Raises TypeError for what is no int, and ValueError for one that is out of bounds."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} takes an int, not {_shown(value)}")
    if highest is not None and not (lowest or 0) <= value <= highest:
        raise ValueError(f"{name} takes {lowest} to {highest}, not {value}")
    if lowest is not None and value < lowest:
        raise ValueError(f"{name} must be at least {lowest}, not {value}")


def check_seconds(name: str, value: object) -> None:
    """Raises TypeError for what is no number, and ValueError for one that is negative, endless or none (NaN)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} takes a number of seconds, not {_shown(value)}")
    if not (value >= 0 and math.isfinite(value)):
        raise ValueError(f"{name} must be a finite number of seconds, at least 0, not {value}")


def _check_headers(headers: object) -> None:
    if not isinstance(headers, Mapping):
        raise TypeError(f"headers takes a mapping, not {_shown(headers)}")
    for name, value in cast("Mapping[object, object]", headers).items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"headers takes a str for a str, not {name!r}: {value!r}")
        if not (_HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value)):
            raise ValueError(f"no header can have this name and value: {name!r}: {value!r}")


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} takes a str, not {_shown(value)}")
    return value


def _shown(value: object) -> str:
    return repr(value)[:80]
