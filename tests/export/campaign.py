"""Random exports of servers that misbehave while works change: ``python -m tests.export.campaign --seeds 2000``.

Each must be complete, or say why it cannot be proved; a work that is lost ends the campaign with 1. At the end stands how
many ended in what way, with the seeds of those that gave up: `exported` plays one of them once more.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import defaultdict
from dataclasses import replace

from devrev_async.export.planner import Unprovable
from devrev_async.sandbox import Quirks

from .test_planner import CAPS, COUNTS, ORDERS, SHAPES, Run, simulate, with_cap, with_count


def server(rng: random.Random) -> Quirks:
    """Returns a server. Where it has no `works.list`, its cap stays the same: that is the assumption of last resort."""
    lists = rng.random() < 0.8
    how = Quirks(
        sort_by=rng.choice(ORDERS),
        cap=rng.choice((20, 20, rng.randint(1, 25), rng.randint(17, 20))),
        trims_shown=rng.random() < 0.3,
        trims_compared=rng.random() < 0.3,
        excludes_after=rng.random() < 0.3,
        excludes_before=rng.random() < 0.3,
        created_date_filter=rng.choice(("honoured", "honoured", "honoured", "honoured", "ignored", "refused")),
        offset_cursors=rng.random() < 0.4,
        undated_in_ranges=rng.random() < 0.3,
        missing_endpoints=() if lists else ("works.list",),
        empty_every=rng.choice((None, None, None, 10, 3)) if lists else None,
    )
    how = with_cap(how, rng.choice((CAPS[0], *CAPS)) if lists else CAPS[0])
    return with_count(how, rng.choice((COUNTS[0], COUNTS[0], COUNTS[0], *COUNTS)))


def exported(seed: int, *, calm: bool = False) -> Run:
    """Returns the export of a seed; `calm`: as it would be if nothing changed meanwhile.

    Raises:
        Unprovable: the planner gave up.
        AssertionError: a work was lost, or came twice.
    """
    rng = random.Random(seed)
    how = server(rng)
    works, undated = rng.choice((rng.randrange(31), rng.randrange(400))), rng.choice((0, 0, 0, 1, 3, 30))
    shape, ties = rng.choice(SHAPES), rng.choice((0, 0, 1, 25, 90))
    churn, interrupt = rng.choice((0.0, 0.02, 0.02, 0.2)), rng.choice((0.0, 0.0, 0.02, 0.1))
    if calm:
        churn, how = 0.0, replace(how, empty_every=None)
    return simulate(seed, how, works=works, shape=shape, undated=undated, ties=ties, churn=churn, interrupt=interrupt)


def _why(seed: int) -> str:
    try:
        exported(seed, calm=True)
    except Unprovable:
        return "if nothing changed, too"
    return "since works changed meanwhile"


def main() -> int:
    """Runs the campaign, and returns 1 if a work was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--start", type=int, default=0)
    arguments = parser.parse_args()
    start: int = arguments.start
    ends: defaultdict[str, list[int]] = defaultdict(list)
    for seed in range(start, start + int(arguments.seeds)):
        try:
            exported(seed)
            ends["complete"].append(seed)
        except Unprovable as error:
            ends[f"{error} ({_why(seed)})"].append(seed)
        except AssertionError as error:
            ends["LOST"].append(seed)
            sys.stdout.write(f"seed {seed}: {error}\n")
    for end, seeds in ends.items():
        which = "" if end == "complete" else f": {seeds[:12]}"
        sys.stdout.write(f"{len(seeds):6} {end}{which}\n")
    return 1 if ends["LOST"] else 0


if __name__ == "__main__":
    sys.exit(main())
