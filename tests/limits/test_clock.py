"""The server's clock, as the dates of its responses show it."""

import math

from hypothesis import given
from hypothesis import strategies as st

from devrev_async._limits.quota import ServerClock


@given(
    skew=st.floats(-1e6, 1e6),
    answers=st.lists(st.tuples(st.floats(0.0, 3.0), st.floats(0.0, 2.0), st.floats(0.0, 2.0)), min_size=1, max_size=30),
    wall=st.floats(-2.0, 2.0),
)
def test_the_clock_never_runs_ahead_of_the_servers(
    skew: float, answers: list[tuple[float, float, float]], wall: float
) -> None:
    """Unless the machine's own clock does, within what whole seconds leave open."""
    clock, now = ServerClock(), 1000.0
    for idle, there, back in answers:
        sent = now + idle
        stamped = math.floor(sent + there + skew // 1)
        now = sent + there + back
        clock.observe(float(stamped), sent, now)
        true = skew // 1
        offset = clock.offset(true + wall)
        assert offset <= max(true, true + wall) + 1e-6
        assert offset >= true - 5.0 or offset == true + wall
