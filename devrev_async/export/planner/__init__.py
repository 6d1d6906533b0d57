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

Where an interval of `created_date` stands is not written in it: one request may be for several, and one page may close
parts of others. It follows from the rest of the state:

- unasked: it is open (`coverage`), and nothing of what follows holds;
- fetching: a request in flight reaches into it (`in_flight`);
- awaiting the other end: `AwaitingOtherEnd`, a page that is compared with one from there;
- awaiting a count: `AwaitingCount`, a page that may be all there is;
- listing: it `needs_list`, and passes of `works.list` (`Listing`) are under way;
- proved: it is not open any more; the `Batch` has its works, and the ground.
"""

from .errors import Unprovable
from .intervals import Batch, Domain, Interval, Key, Proof, key_of
from .messages import AtLeast, Page, Request

__all__ = [
    "AtLeast",
    "Batch",
    "Domain",
    "Interval",
    "Key",
    "Page",
    "Proof",
    "Request",
    "Unprovable",
    "key_of",
]
