"""Where a 301 leads, and where none may."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from devrev_async._transport.redirects import redirect_target

ASKED = URL("https://api.devrev.ai/works.get?id=ISS-1", encoded=True)
DON = "don:core:dvrv-us-1:devo/0:issue/2"


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("ISS-2", "https://api.devrev.ai/works.get?id=ISS-2"),
        (DON, "https://api.devrev.ai/works.get?id=don%3Acore%3Advrv-us-1%3Adevo%2F0%3Aissue%2F2"),
        ("/works.get?id=ISS-2", "https://api.devrev.ai/works.get?id=ISS-2"),
        ("works.get?id=ISS-2", "https://api.devrev.ai/works.get?id=ISS-2"),
        ("?id=ISS-2", "https://api.devrev.ai/works.get?id=ISS-2"),
        ("https://api.devrev.ai/works.get?id=ISS-2", "https://api.devrev.ai/works.get?id=ISS-2"),
        ("/works.get?id=don%3Acore%2F2", "https://api.devrev.ai/works.get?id=don%3Acore%2F2"),
        ("/works.get?id=ISS-1", None),  # where it came from
        ("https://evil.example/works.get?id=ISS-2", None),
        ("//evil.example/works.get", None),
        ("http://api.devrev.ai/works.get?id=ISS-2", None),
        ("https://api.devrev.ai:8443/works.get?id=ISS-2", None),
        ("https://user:pass@api.devrev.ai/works.get?id=ISS-2", None),
        ("https://api.devrev.ai@evil.example/", None),
        ("\\\\evil.example\\", None),
        ("https:\\\\evil.example", None),
        ("javascript:alert(1)", None),
        ("mailto:a@b.example", None),
        ("file:///etc/passwd", None),
        ("http://[::1", None),
        ("https://api.devrev.ai:99999/", None),
        ("/works.get?id=ISS 2", None),
        ("/works.get?id=\u00e4", None),
        ("ISS-2\r\nX: y", None),
        ("", None),
    ],
)
def test_where_a_301_leads(location: str, target: str | None) -> None:
    found = redirect_target(ASKED, location)
    assert (None if found is None else str(found)) == target


@given(
    st.text(max_size=60)
    | st.builds(
        "".join, st.lists(st.sampled_from([*"ahtps:/@\\?#[]%.-0", "//", "evil.example", "api.devrev.ai", "don:"]))
    )
)
def test_no_location_leads_to_another_origin(location: str) -> None:
    found = redirect_target(ASKED, location)
    if found is not None:
        assert (found.scheme, found.host, found.port, found.user) == ("https", "api.devrev.ai", 443, None)
        assert str(found).isascii()
