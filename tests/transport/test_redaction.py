"""A token is removed from what is shown, however its characters are spelled, and nothing else is."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devrev_async._transport.redaction import redact

TOKEN = b'abc&d/e%41"f\\g.h'
VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=8, max_size=40)


def points(text: bytes) -> bytes:
    return "".join(f"\\u{code:04X}" for code in text).encode()


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"", b""),
        (b"<" + TOKEN + b"><" + TOKEN + b">", b"<[token]><[token]>"),
        (json.dumps(TOKEN.decode()).encode(), b'"[token]"'),
        (json.dumps(TOKEN.decode()).replace("/", "\\/").encode(), b'"[token]"'),
        (b"<" + points(TOKEN) + b">", b"<[token]>"),
        (b"<" + points(TOKEN).replace(b"\\U", b"\\u").lower() + b">", b"<[token]>"),
        (b"<" + TOKEN.replace(b"&", b"\\u0026") + b">", b"<[token]>"),
        (b"<" + quote(TOKEN).encode() + b">", b"<[token]>"),
        (b"<" + quote(TOKEN, safe="").lower().encode() + b">", b"<[token]>"),
        (b'{"a\\/b\\u0026": "100%25"} \\' + TOKEN, b'{"a\\/b\\u0026": "100%25"} \\[token]'),
        (b"<\\" + TOKEN.replace(b"&", b"\\u0026"), b"<\\[token]"),
        (b"%zz\\q\\u00" + TOKEN[:-1], b"%zz\\q\\u00" + TOKEN[:-1]),
    ],
)
@pytest.mark.parametrize("others", [[], [b"another-token"], [b"short"]])
def test_spellings(data: bytes, shown: bytes, others: list[bytes]) -> None:
    assert redact(data, [*others, TOKEN]) == redact(data, [TOKEN, *others]) == shown


@pytest.mark.parametrize(
    ("end", "shown"),
    [
        (b"abc", b"abc"),
        (b"abc&", b"[token]"),
        (TOKEN[:-1], b"[token]"),
        (TOKEN, b"[token]"),
        (b"abc\\u0026", b"[token]"),
        (b"abc\\u0026\\", b"[token]"),
        (b"abc\\u0026\\u00", b"[token]"),
        (b"abc%26d%2", b"[token]"),
        (b"abc&d\\/e%", b"[token]"),
        (b"abc\\u002", b"abc\\u002"),
        (b"abc&.", b"abc&."),
    ],
)
def test_the_start_of_a_token_at_the_end_of_a_truncated_body(end: bytes, shown: bytes) -> None:
    assert redact(b"abc& x " + end, [TOKEN], truncated=True) == b"abc& x " + shown
    if end != TOKEN:
        assert redact(b"abc& x " + end, [TOKEN]) == b"abc& x " + end


def test_a_token_that_ends_like_an_escape() -> None:
    assert redact(b"<12345678%25>", [b"12345678%2"]) == b"<[token]5>"


@pytest.mark.parametrize("token", [b"1234567", b"12345678"])
def test_what_may_be_part_of_plain_words_is_no_token(token: bytes) -> None:
    assert redact(b"<" + token + b">", [token], truncated=True) == (b"<[token]>" if len(token) == 8 else b"<1234567>")


@given(VISIBLE, st.lists(st.sampled_from(["plain", "point", "POINT", "url", "URL"]), min_size=40, max_size=40))
def test_any_mixture_of_spellings_is_found(token: str, ways: list[str]) -> None:
    def spelled(one: str, way: str) -> str:
        code = ord(one)
        plain = json.dumps(one)[1:-1]
        return {
            "plain": plain, "point": f"\\u{code:04x}", "POINT": f"\\u00{code:02X}", "url": f"%{code:02x}",
            "URL": f"%{code:02X}",
        }[way]  # fmt: skip

    mixed = "".join(map(spelled, token, ways)).encode()
    assert redact(b"\\\\ <" + mixed + b">", [token.encode()]) == b"\\\\ <[token]>"
    assert redact(b"<" + mixed, [token.encode()], truncated=True) == b"<[token]"


@given(VISIBLE, st.binary())
def test_what_holds_no_token_is_left_as_it_is(token: str, data: bytes) -> None:
    if b"\\" not in data and b"%" not in data and token[:4].encode() not in data:
        assert redact(data, [token.encode()], truncated=True) == data
