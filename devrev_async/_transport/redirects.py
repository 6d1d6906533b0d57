"""Resolves the redirect target of a 301 of `works.get`: the work's id has changed. Pure."""

from __future__ import annotations

import re
from urllib.parse import quote

from yarl import URL

__all__ = ["redirect_target"]

_VISIBLE = re.compile(r"\A[!-~]+\Z")
_BARE_ID = re.compile(r"\A(?:don:[!-~]+|[A-Za-z][A-Za-z0-9_]*-[0-9]+)\Z")


def redirect_target(url: URL, location: str) -> URL | None:
    """Returns the URL to request instead of `url`; None if `location` is invalid, `url` itself, or of another origin.

    A Location is a bare id (a DON or a display id), a path, or a URL of the same origin.
    """
    if _BARE_ID.match(location):
        target = url.with_query(None).with_fragment(None)
        return URL(f"{target}?id={quote(location, safe='')}", encoded=True)
    if not _VISIBLE.match(location) or "\\" in location:
        return None
    try:
        target = url.join(URL(location, encoded=True))
        same = target.origin() == url.origin() and target.user is None
    except ValueError:  # an invalid URL, or one without an origin
        return None
    return target if same and target != url else None
