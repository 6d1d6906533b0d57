"""Content-Encoding undone piece by piece, and within a bound."""

import contextlib
import gzip
import itertools
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devrev_async._transport import content_decoder as _body
from devrev_async._transport.content_decoder import BodyTooLargeError, ContentDecoder, ContentEncodingError


def pack(data: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        return gzip.compress(data)
    if encoding in ("deflate", "bare"):
        packer = zlib.compressobj(wbits=15 if encoding == "deflate" else -15)
        return packer.compress(data) + packer.flush()
    return data


def unpack(packed: bytes, encoding: str, limit: int, cuts: list[int]) -> bytes:
    body = ContentDecoder("deflate" if encoding == "bare" else encoding, limit)
    whole = b""
    edges = sorted({0, len(packed), *(cut for cut in cuts if cut < len(packed))})
    for start, end in itertools.pairwise(edges):
        for piece in body.decode(packed[start:end]):
            assert len(piece) <= max(_body.PIECE, 0 if encoding != "identity" else len(packed))
            whole += piece
            assert len(whole) <= limit
    body.flush()
    return whole


ENCODINGS = st.sampled_from(["gzip", "deflate", "bare", "identity"])
DATA = st.binary(max_size=300) | st.integers(0, 2000).map(lambda size: b"{}" * size)


@given(
    data=DATA, encoding=ENCODINGS, cuts=st.lists(st.integers(1, 300)), piece=st.sampled_from([1, 2, 7, 64, 258, 1000])
)
def test_any_body_in_any_pieces(data: bytes, encoding: str, cuts: list[int], piece: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_body, "PIECE", piece)
        assert unpack(pack(data, encoding), encoding, len(data), cuts) == data


@given(data=DATA, encoding=ENCODINGS, cuts=st.lists(st.integers(1, 300)), short=st.integers(1, 100))
def test_no_body_passes_its_bound(data: bytes, encoding: str, cuts: list[int], short: int) -> None:
    if len(data) < short:
        return
    with pytest.raises(BodyTooLargeError):
        unpack(pack(data, encoding), encoding, len(data) - short, cuts)


@given(data=DATA, encoding=st.sampled_from(["gzip", "deflate", "bare"]), cut=st.integers(1, 30))
def test_no_body_that_is_cut_passes(data: bytes, encoding: str, cut: int) -> None:
    packed = pack(data, encoding)
    if len(packed) <= cut:
        return
    with pytest.raises(ContentEncodingError) as caught:
        unpack(packed[:-cut], encoding, 10**6, [])
    assert caught.value.cut


@given(garbage=st.binary(min_size=1, max_size=50), encoding=st.sampled_from(["gzip", "deflate"]))
def test_garbage_is_a_typed_error_or_nothing(garbage: bytes, encoding: str) -> None:
    with contextlib.suppress(ContentEncodingError, BodyTooLargeError):
        unpack(garbage, encoding, 10**6, [])
