"""What the server was found to be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Order(Enum):
    """Whether `sort_by` can be relied on."""

    UNKNOWN = 0
    SORTED = 1
    """The server sorts as asked before it caps: a full page proves all that it passes."""
    NONE = 2


class ServerFindings(NamedTuple):
    """What a checkpoint has of a server, so that a resumed export need not find it once more.

    Attributes:
        shows_undated, sorts, longest_page, assumed_cap: as in `ServerProfile`.
    """

    shows_undated: bool = False
    sorts: bool = False
    longest_page: int = 0
    assumed_cap: bool = False


@dataclass(slots=True)
class ServerProfile:
    """What answers showed of the server. Each finding is made once, and only order and counts are ever withdrawn.

    Attributes:
        order: of its pages.
        longest_page: works in the longest page; a shorter one is complete if the cap stays the same.
        most_shown: works in the longest page, each once; a count over everything must not be lower.
        counts: whether `works.count` exists and did not contradict itself.
        lists: whether `works.list` exists.
        list_failed: whether passes of it proved nothing where there was another way; it is the last resort then.
        honours_range: whether it heeds a range of `created_date`.
        shows_undated: whether it showed a work without a timestamp.
        tried_to_split: whether a page below `first` was cut in two, to see whether the server has a cap.
        assumed_cap: whether a page was taken for all there is because nothing but its length could show that.
    """

    order: Order = Order.UNKNOWN
    longest_page: int = 0
    most_shown: int = 0
    counts: bool = True
    lists: bool = True
    list_failed: bool = False
    honours_range: bool = True
    shows_undated: bool = False
    tried_to_split: bool = False
    assumed_cap: bool = False

    @property
    def sorts(self) -> bool:
        """Whether the server was shown to sort."""
        return self.order is Order.SORTED

    @property
    def findings(self) -> ServerFindings:
        """What a resumed export is to know."""
        return ServerFindings(self.shows_undated, self.sorts, self.longest_page, self.assumed_cap)

    def take_over(self, findings: ServerFindings) -> None:
        """Begins with what an earlier run found; a page out of order ends that it sorts."""
        self.shows_undated, self.longest_page = findings.shows_undated, findings.longest_page
        self.assumed_cap = findings.assumed_cap
        if findings.sorts:
            self.order = Order.SORTED
