"""Damage to bytes, as disks, people and attackers do it: a strategy of altered copies of what was whole."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

Edit = tuple[int, int, bytes]
"""Where, how many bytes are taken away there, and what comes in their place."""


def damaged(whole: bytes, tokens: Sequence[bytes] = (), *, most: int = 3) -> st.SearchStrategy[bytes]:
    """Copies of `whole` with up to `most` edits: bytes taken away, replaced or put in, or pieces that stand twice.

    Args:
        whole: what is damaged.
        tokens: what is likely to be put in, beside single bytes.
        most: how many edits.
    """
    at = st.integers(0, len(whole))
    put = st.one_of(
        st.just(b""),
        st.binary(min_size=1, max_size=2),
        *([st.sampled_from(list(tokens))] if tokens else []),
        st.tuples(at, st.integers(1, 40)).map(lambda piece: whole[piece[0] : piece[0] + piece[1]]),
    )
    taken = st.one_of(st.integers(0, 2), st.integers(0, 40), st.just(len(whole)))
    return st.lists(st.tuples(at, taken, put), max_size=most).map(lambda edits: apply(whole, edits))


def apply(whole: bytes, edits: Sequence[Edit]) -> bytes:
    """Returns the bytes after each of the edits."""
    for at, taken, put in edits:
        whole = whole[:at] + put + whole[at + taken :]
    return whole
