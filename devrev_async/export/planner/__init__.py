"""Which requests make a complete export, what is proved, and where to resume. Pure: no I/O, no clock, no HTTP.

- `plan`: the requests and what their answers prove;
- `evidence`: what a full page shows of the server's order;
- `listing`: the way out where ranges of time cannot help;
- `exchange`: a request to send, a page that came back;
- `ranges`: keys, seconds, gaps, and the user's own range;
- `checkpoint`: what has been handed over, as a short string.
"""

from .intervals import Batch, Domain, Key, Proof, key_of
from .listing import Unprovable
from .messages import Page, Request
from .planner import Plan

__all__ = ["Batch", "Domain", "Key", "Page", "Plan", "Proof", "Request", "Unprovable", "key_of"]
