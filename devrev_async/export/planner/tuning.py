"""The constants that were tuned: where each comes from, and the test that shows its effect (`tests/export/planner`)."""

from __future__ import annotations

from typing import Final

ENOUGH: Final = 15
"""Distinct timestamps in order that chance does not explain: 15! is above 2 to the 40th.

Effect: `test_order.py`, an order that chance explains is no proof."""

APART: Final = 8
"""Works, at least, that each of two pages must show and the other one not, before they prove the server's order.

A server that caps first answers both from one set of works; what comes and goes in between makes a few differ.
Effect: `test_order.py`, two pages of hardly more than one set."""

APART_SHARE: Final = 10
"""The same as a part of a page: one in so many works. A tenth of a page does not change between two requests."""

STRAYS: Final = 4
"""One in so many of those may stand between the other page's works: it was created or deleted between the two requests.

Of two sets that a server picks by chance, half of the works do. Effect: `test_order.py`, what two ends show."""

MARGIN: Final = 25
"""Works that the last page of an interval may repeat, so that it shows what was seen behind it.

More than `ENOUGH`, so that the page can prove the order by itself; small beside the 100 that the price allows.
Effect: `test_price.py`, 5001 works."""

MARGIN_SHARE: Final = 50
"""The same as a part of what is left, one in so many, for what is created meanwhile: 2 of the 10 percent allowed."""

BOTH: Final = 2
"""Ends of an interval; pages that are in memory when its two ends are compared."""

SLOW_FROM: Final = (0.1, 0.5, 0.7, 0.9)
"""Seconds until the first page begins to come from which three to six pages are asked for side by side, not `BOTH`.

To decode a page of 5000 works takes a tenth of a second or two: where answers begin sooner, two requests keep the
processor busy, and a third costs the memory of a page for nothing. At one second an answer, it takes five or six to
keep it busy. Effect: `test_halving.py`, waits; `test_tiling.py`, seconds.
"""

WAITING: Final = 4
"""Pages side by side from which time is spent on waiting: then pages are asked for by estimates, not by what is known.

Effect: `test_tiling.py`, waits; where answers are fast, an estimate costs works for nothing."""

UNEVEN: Final = 1 / 16
"""Share of an interval by which an estimate of its works may be off, and is made up for.

The works of a page vary by 1.4 percent where they come at random, and pages have room for a tenth more than is left.
Effect: `test_tiling.py`, dates that are not quite even."""

DEVIATIONS: Final = 3
"""Standard deviations of the works of two pages by which they overlap: one gap in seven hundred.

Each costs a request and a wait. Effect: `test_tiling.py`, works that come at random."""

SHOWN_AGAIN: Final = 25
"""Of how many works of a page one is shown once more, at most, where a count is asked for to cut an interval there.

A page begins with the second at which the one before it ended. Where that is more, the price may be exceeded by a
request. Effect: `test_skew.py`, a burst."""

SPLIT_AT: Final = 4.0
"""Pages that must be left in an interval, beyond those under way, to cut it for an idle slot.

Below, both halves may be done by the pages that are under way. Effect: `test_other_end.py`."""

BOTH_ENDS_AT: Final = 1.9
"""Pages that must be left in an interval to ask from both its ends: what they lack of two is fetched twice.

A tenth of a page is what the price allows. It matters where the server does not count. Effect: `test_other_end.py`."""

SURELY: Final = 0.9
"""Of the pages under way: what is estimated to need no more than that will hardly need a further one.

Estimates from the density beside an interval are off by some percent. Effect: `test_totals.py`."""

AHEAD: Final = 2
"""Counts that are asked for beside the last pages at most; each that was too early is a request for nothing.

Effect: `test_totals.py`."""

BLATANT: Final = 10
BLATANT_SHARE: Final = 1.1
"""How many works the server must count beyond those found, and how many times those, before the export is given up.

What is created and deleted during a run explains fewer. Effect: `test_totals.py`."""

AGAIN: Final = 4
"""How often the first page and the count beside it are asked for once more, while both change from time to time.

Where one in five pairs disagrees, one export in three thousand does so each time; a page and a count cost less than the
passes of `works.list` that come next. Effect: `test_matching_count.py`, works that come and go."""

PART: Final = 0.6
"""Share of the works that a first page is asked for where it never agrees with its count: then two ends show the order.

The other end shows what is left, and some works twice, so that both meet. Effect: `test_smaller_page.py`."""

FEW: Final = 100
"""One in so many works, and one more, may have gone between the count beside the first page and that page.

Effect: `test_matching_count.py`, a count that is a little higher."""

LIES: Final = 6
"""Pages that a count contradicts, though they were asked for because of a count and brought nothing.

So many in a row are no coincidence; each costs two requests. Effect: `test_planner.py`, counts that are too high."""

BORNE_OUT: Final = -24
"""Where to begin to number them once a count was right to contradict a page: four times the patience."""

MISJUDGED: Final = 2
"""Counts that contradict what full pages pass before that is counted no more: the server does not sort before it caps.

Effect: `test_passed.py`."""

SUSPECTS: Final = 4
"""Pages that a count contradicted and whose works are kept to compare with: as deep as bisecting goes at a time."""

HAD_ROOM: Final = 0.75
"""Of the length of the page before it: what is that much shorter was hardly capped itself."""

HALF: Final = 0.5
NEARLY_ALL: Final = 0.9
"""Shares of a page in one second from which it is cut on both sides, and from which the next second stays with it.

Effect: `test_bisect.py`; a request for that next second would bring all of them again."""

TRIES: Final = 5
"""Passes of `works.list` without proof before the export is given up: what changes between all of them always will.

Effect: `test_stable_listing.py`."""

BARREN: Final = 100_000
"""Pages of `works.list` without a new work before its cursor is said to go in circles.

A cursor that repeats is found at once; this bounds one that counts up for ever."""
