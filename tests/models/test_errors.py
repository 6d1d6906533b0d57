"""Errors as values: what they are, that they pickle, and that nothing unprintable is in their text."""

import copy
import pickle
from typing import Any

import msgspec
import pytest

from devrev_async import errors
from devrev_async._decoders.api_errors import ErrorResponse, api_error
from devrev_async.reports import ExportReport
from tests.models.canned import Canned

BODY = (
    b'{"type":"missing_dependency","message":"m\\u001b[31m\\u202e","detail":"d\\n","field_name":"f",'
    b'"allowed_values":["a",1,null,"b"],"dependencies":[{"dependent_field_name":"x"},"no object"],"is_same":false}'
)


def of_status(status: int, body: bytes = BODY, **headers: str) -> errors.APIError:
    return api_error(ErrorResponse(status, headers, body, "request-7"), "works.update", now=0.0)


EVERY: list[errors.DevRevError] = [
    errors.ConfigurationError("c"),
    errors.ClientClosedError("c"),
    errors.APIConnectionError("c"),
    errors.APITimeoutError("c"),
    errors.MissingTokenError("c"),
    errors.OutcomeUnknownError("c"),
    errors.LostAnswerError("c"),
    errors.SyncStateError("c", path="state.json", hint="remove it"),
    errors.with_unknown_outcome(errors.APITimeoutError("c")),
    errors.with_unknown_outcome(errors.ClientClosedError("c")),
    errors.with_unknown_outcome(errors.ResponseDecodeError("c", status=200, body=b"x", request_id="r")),
    errors.with_unknown_outcome(errors.ResponseTooLargeError("c", limit=5, status=200)),
    *(of_status(status) for status in (301, 400, 401, 403, 404, 408, 409, 413, 418, 429, 500, 502, 503)),
    *(errors.with_unknown_outcome(of_status(status)) for status in (408, 500, 502, 503)),
    errors.RateLimitWaitError("c", status=429),
    errors.ResponseDecodeError("c", status=200, body=b"x", request_id="r"),
    errors.ResponseTooLargeError("c", limit=5, status=200),
    errors.IncompleteExportError("c", report=ExportReport(works=3)),
]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'\xef\xbb\xbf{"type":"t","message":"m"}', "m"),
        (b'{"type":"t","message":"m \\ud83e"}', "m \\ud83e"),
        (b'{"type":"t","message":"m","x":1e400}', "m"),
        (b"upstream connect error\n", "upstream connect error"),
        (b" no healthy \x1b[31mupstream", "no healthy \\u001b[31mupstream"),
        (b"<html>", None),
        (b'{"message":"cut', "cut"),
        (b'{"message":"cut \\u00', "cut "),
        (b'{"type":"t","message":"m","x":{"message":"y', "m"),
        (b'{"type":"t","message":', None),
        (b'{"type":"t","message":5,oops', None),
        (b"\xff\xfe", None),
        (b"null", None),
        (b" ", None),
    ],
)
def test_a_body_is_read_as_far_as_it_can_be(body: bytes, message: str | None) -> None:
    error = of_status(503, body)
    assert error.message == message
    assert error.type == ("t" if b'"type"' in body else None)
    assert (message or "503") in str(error)
    str(error).encode()
    assert error.body == body


@pytest.mark.parametrize("field", ["type", "message", "detail", "field_name"])
def test_what_the_server_says_is_bounded(field: str) -> None:
    for status in (400, 503):
        body = b'{"type":"invalid_field","%b":"%b"}' % (field.encode(), b"x" * 50_000)
        assert len(str(of_status(status, body))) < 2000
    assert len(str(of_status(302, b"", location="https://x.example/" + "x" * 50_000))) < 2000


def test_every_class_is_here() -> None:
    abstract = {"DevRevError", "TransportError", "InvalidArgumentError"}
    assert {type(error).__name__ for error in EVERY} == set(errors.__all__) - abstract


@pytest.mark.parametrize("error", EVERY, ids=lambda error: type(error).__name__)
def test_errors_pickle_and_copy(error: errors.DevRevError) -> None:
    error.endpoint, error.attempts = "works.get", 3
    error.add_note("a note")
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)
        assert (twin.endpoint, twin.attempts, twin.__notes__) == ("works.get", 3, ["a note"])


UNKNOWN = [error for error in EVERY if error.outcome_unknown]


@pytest.mark.parametrize("error", UNKNOWN, ids=lambda error: type(error).__name__)
def test_an_open_write_is_an_outcome_unknown_error_and_what_it_was_before(error: errors.DevRevError) -> None:
    assert isinstance(error, errors.OutcomeUnknownError)
    assert not error.retryable
    name = type(error).__name__
    assert isinstance(error, getattr(errors, name))
    assert repr(error).startswith(f"{name}(")
    assert isinstance(error, errors.TransportError) is (name == "LostAnswerError")
    assert errors.with_unknown_outcome(error) is error
    with pytest.raises(errors.OutcomeUnknownError):
        raise pickle.loads(pickle.dumps(error))


def test_a_write_that_timed_out_is_a_lost_answer_and_a_timeout() -> None:
    error = errors.with_unknown_outcome(errors.APITimeoutError("c"))
    for kind in (errors.LostAnswerError, errors.APITimeoutError, TimeoutError, errors.TransportError):
        assert isinstance(error, kind)


def test_text_of_the_server_is_made_printable() -> None:
    error = of_status(400)
    assert isinstance(error, errors.BadRequestError)
    assert (error.message, error.detail) == ("m\\u001b[31m\\u202e", "d\\u000a")
    assert error.allowed_values == ["a", "b"]
    assert error.dependencies == [{"dependent_field_name": "x"}]
    assert error.is_same is False
    assert str(error).isprintable()
    assert error.body == BODY


def test_long_messages_are_cut_in_the_text_alone() -> None:
    error = of_status(400, b'{"message":"' + b"m" * 60_000 + b'"}')
    assert len(str(error)) < 1000
    assert error.message == "m" * 60_000


@pytest.mark.parametrize(
    ("status", "body", "hint"),
    [
        (401, b"{}", "check the token"),
        (401, b'{"type":"token_expired"}', "expired"),
        (401, b'{"type":"token_revoked"}', "revoked"),
        (401, b'{"type":"dev_org_deactivated"}', "deactivated"),
        (403, b"{}", "right"),
        (413, b'{"type":"request_entity_too_large"}', "too large"),
        (400, b'{"type":"invalid_field","field_name":"severity"}', "severity is no field of this request"),
    ],
)
def test_a_hint_says_what_to_do(status: int, body: bytes, hint: str) -> None:
    error = of_status(status, body)
    assert hint in (error.hint or "")
    assert hint in str(error)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"value": "isue", "allowed_values": ["issue", 1, "task"]}, " - field f, value isue, allowed: issue, task"),
        ({"expected": "string", "actual": "null"}, " - field f, expected string, actual null"),
        ({"pattern": "^a$", "reason": "too long"}, " - field f, pattern ^a$, reason too long"),
        ({"message": "reason too long", "reason": "too long"}, " - reason too long - field f"),
        ({"value": "PROD-1", "allowed_types": ["dev_user"]}, " - field f, value PROD-1, allowed: dev_user"),
        ({"value": {"a": 1}, "allowed_values": "issue", "allowed_types": [None]}, " - field f"),
        ({"allowed_values": ["a" * 150, "b" * 150]}, f" - field f, allowed: {'a' * 150}, {'b' * 39}..."),
    ],
)
def test_a_refusal_says_what_the_server_knows_of_it(fields: dict[str, object], told: str) -> None:
    error = of_status(400, msgspec.json.encode({"type": "t", "field_name": "f", **fields}))
    assert str(error) == f"works.update: 400 t{told}"


def test_a_conflict_is_one_of_an_external_ref_in_a_create_alone() -> None:
    conflict = ErrorResponse(409, {}, b'{"type":"conflict","message":"Conflict"}')
    for endpoint, told in (("works.create", True), ("works.update", False)):
        error = api_error(conflict, endpoint, now=0.0)
        assert ("external_ref" in (error.hint or ""), "external_ref" in str(error)) == (told, told)


@pytest.mark.parametrize(
    ("body", "type_", "message"),
    [
        ('{"type":"invalid_field","message":"für"}'.encode("latin-1"), "invalid_field", "f\ufffdr"),
        ("Zugriff für alle gesperrt".encode("latin-1"), None, "Zugriff f\ufffdr alle gesperrt"),
        ("cut within a charact\u00e9".encode()[:-1], None, "cut within a charact\ufffd"),
        ('{"type":"a","message":"é"}'.encode("utf-8-sig"), "a", "é"),
    ],
)
def test_bytes_that_are_no_utf_8_cost_no_other_word(body: bytes, type_: str | None, message: str) -> None:
    error = of_status(400, body)
    assert (error.type, error.message, error.body) == (type_, message, body)


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"retry-after": "7"}, b"{}", 7.0),
        ({}, b'{"retry_after":9}', 9.0),
        ({"retry-after": "7"}, b'{"retry_after":9}', 7.0),
        ({"retry-after": "-3"}, b"{}", 0.0),
        ({"retry-after": "soon"}, b'{"retry_after":2.5}', 2.5),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:30 GMT"}, b"{}", 30.0),
        ({}, b'{"retry_after":-9223372036854775808}', 0.0),
        ({}, b'{"retry_after":null}', None),
        ({}, b'{"retry_after":12,"message":"cut', 12.0),
        ({}, b'{"message":"cut","retry_after":1', None),  # of 120, may be
        ({}, b"<html>", None),
    ],
)
def test_seconds_to_wait(headers: dict[str, str], body: bytes, seconds: float | None) -> None:
    for status in (429, 503):
        error: Any = of_status(status, body, **headers)
        assert error.retry_after == seconds


def test_a_redirect_names_its_target(canned: Canned) -> None:
    error = of_status(302, b"", location="https://elsewhere.example/\x1b[0m")
    assert type(error) is errors.APIError
    assert error.location == "https://elsewhere.example/\\u001b[0m"
    assert "is not followed" in str(error)


def test_an_update_that_failed_at_the_server_may_have_been_applied(canned: Canned) -> None:
    for status, unknown in (
        (400, False),
        (404, False),
        (408, True),
        (429, False),
        (500, True),
        (502, True),
        (503, True),
    ):
        canned.answer(b"{}", status)
        with pytest.raises(errors.APIError) as caught:
            canned.run(canned.devrev.works.update("ISS-1", title="t"))
        assert caught.value.outcome_unknown is unknown, status
        assert str(caught.value).endswith("; the write may have been applied") is unknown
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
        with pytest.raises(errors.APIError) as caught:
            canned.run(canned.devrev.works.get("ISS-1"))
        assert caught.value.outcome_unknown is False
