"""Which requests make a complete export, what is proved, and where to go on. Pure: no I/O, no clock, no HTTP.

- `planner`: the driver: the next request, and where an answer goes;
- `judge`: what an answer means: which proof it is, or what to do instead;
- `proofs`: grounds on which an interval is complete, each with what it takes for granted;
- `strategies`: what to ask for where nothing is proved yet;
- `state`: what is known: the intervals (`intervals`, `coverage`), the server (`server`), what is in flight, the pages
  that await a proof (`pages`), the counts (`counts`, `totals`, `doubts`, `halves`);
- `price`: how many requests an export may take;
- `messages`: a request to send, the page that answers it;
- `tuning`: the constants, and where each comes from.

An interval of `created_date` is open until a page is asked for it (`in_flight`), waits for another answer
(`AwaitingCount`, `AwaitingOtherEnd`, `Listing`) or is proved, which closes it.
"""

from .errors import Unprovable
from .intervals import Batch, Domain, Interval, Key, Proof, key_of
from .messages import Page, Request
from .planner import Plan
from .price import parallel_for

__all__ = [
    "Batch",
    "Domain",
    "Interval",
    "Key",
    "Page",
    "Plan",
    "Proof",
    "Request",
    "Unprovable",
    "key_of",
    "parallel_for",
]
