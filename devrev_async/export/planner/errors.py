"""What the planner raises."""

from __future__ import annotations

from typing import Final

NO_LIST: Final = "it cannot be split further by created_date, and the server has no works.list"
NO_RANGE: Final = "the server does not heed ranges of created_date, and has no works.list"
NO_UNDATED: Final = "works without created_date cannot be had by ranges, and the server has no works.list"


class Unprovable(Exception):  # noqa: N818 - it is a finding, and the runner turns it into an error of the package
    """No request is left that could prove the export complete; the text says why."""
