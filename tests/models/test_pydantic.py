"""Works in pydantic and FastAPI: validated from an instance or the wire form, dumped as the wire form, with a schema."""

import json
from typing import Annotated, Any

import jsonschema
import pytest
from fastapi import Body, FastAPI
from pydantic import BaseModel, TypeAdapter, ValidationError

from devrev_async import DevRevClient, Issue, Task, Ticket, UnknownWork, Work, WorkBase
from devrev_async._decoders.fallback import decode_one
from devrev_async.models import UserSummary
from devrev_async.sandbox import Sandbox
from tests.models.random_works import Maker

WORKS: TypeAdapter[Work] = TypeAdapter(Work)
ODD: list[dict[str, Any]] = [
    {"type": "issue", "id": "ISS-1", "title": 5, "created_date": "2024-05-18T06:49:47.816Z"},
    {"type": "ticket", "id": "TKT-1", "owned_by": [None], "sla_summary": {"stage": 1}},
    {"type": "incident", "id": "INC-1", "severity": "sev0", "created_by": {"id": "u"}},
    {"type": "issue", "title": "no id"},
]


def work(wire: dict[str, Any]) -> Work:
    return decode_one(json.dumps(wire).encode())[0]


@pytest.mark.parametrize("wire", [*Maker(11).works(24), *ODD], ids=lambda wire: str(wire.get("id"))[-12:])
def test_a_work_goes_in_and_comes_out_as_its_wire_form(wire: dict[str, Any]) -> None:
    one = work(wire)
    assert WORKS.validate_python(one) is one
    assert WORKS.dump_python(one) == one.to_dict()
    assert json.loads(WORKS.dump_json(one)) == one.to_dict()
    for again in (WORKS.validate_python(one.to_dict()), WORKS.validate_json(WORKS.dump_json(one))):
        assert type(again) is type(one)
        assert again.to_dict() == one.to_dict()
        assert again.invalid == one.invalid


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_the_json_schema_describes_the_wire_form(mode: Any) -> None:
    schema = WORKS.json_schema(mode=mode)
    validator: Any = jsonschema.Draft202012Validator(schema)
    for wire in Maker(12, present=0.9).works(40):
        validator.validate(work(wire).to_dict())
    assert schema["$defs"]["Issue"]["properties"]["created_by"] == {"$ref": "#/$defs/UserSummary"}
    assert schema["$defs"]["Issue"]["required"] == ["type", "id"]
    assert schema["$defs"]["Issue"]["properties"]["type"]["const"] == "issue"
    assert schema["$defs"]["Issue"]["properties"]["created_date"]["format"] == "date-time"
    assert "raw" not in schema["$defs"]["UnknownWork"]["properties"]
    wrong: Any = jsonschema.Draft202012Validator({**schema, "anyOf": [{"$ref": "#/$defs/Issue"}]})
    assert not wrong.is_valid({"type": "issue", "id": "ISS-1", "title": 5})


@pytest.mark.parametrize(
    ("model", "value", "says"),
    [
        (Issue, {"type": "ticket", "id": "TKT-1"}, "that of Ticket, not of Issue"),
        (Issue, {"type": "issue"}, "that of UnknownWork, not of Issue"),
        (Issue, work({"type": "task", "id": "TASK-1"}), "expected Issue or its wire form"),
        (Work, 5, "expected Task or its wire form"),
        (Work, None, "expected UnknownWork or its wire form"),
        (WorkBase, "ISS-1", "expected WorkBase or its wire form"),
        (Task, {"type": "task", "id": "TASK-1", "body": object()}, "not the wire form of Task"),
        (Task, {"type": "task", "id": "TASK-1", "estimated": float("nan")}, "not the wire form of Task"),
        (UserSummary, {"id": 5}, "not the wire form of UserSummary"),
    ],
)
def test_what_is_no_work_is_a_validation_error(model: Any, value: Any, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        TypeAdapter(model).validate_python(value)


def test_works_are_fields_of_a_model() -> None:
    class Report(BaseModel):
        works: list[Work]
        first: Issue | None = None
        owner: UserSummary | None = None

    wire = Maker(13, present=1.0).work("issue")
    issue = work(wire)
    assert isinstance(issue, Issue)
    report = Report(works=[issue, work(ODD[2])], first=issue, owner=issue.created_by)
    assert report.works[0] is report.first is issue
    again = Report.model_validate_json(report.model_dump_json())
    assert again.model_dump() == report.model_dump()
    assert again.first == issue
    assert [type(each) for each in again.works] == [Issue, UnknownWork]
    assert report.model_dump()["owner"] == issue.to_dict()["created_by"]


async def ask(app: FastAPI, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
    """One request to an ASGI app; its status and JSON."""
    answers: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        answers.append(message)

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": headers, "root_path": ""}
    await app({**scope, "http_version": "1.1", "scheme": "http", "raw_path": path.encode()}, receive, send)
    return answers[0]["status"], json.loads(b"".join(part["body"] for part in answers[1:]))


@pytest.mark.anyio
async def test_fastapi_answers_with_works() -> None:
    app = FastAPI()
    async with Sandbox(works=30, seed=3) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:

        @app.get("/works/{id}")
        async def one(id: str) -> Work:
            return await devrev.works.get(id)

        @app.get("/works", response_model=list[Work])
        async def all_of_them() -> Any:
            return await devrev.works.export()

        @app.get("/tickets/{id}", response_model=Ticket)
        async def ticket(id: str) -> Any:
            return await devrev.works.get(id)

        @app.post("/echo")
        async def echo(body: Annotated[Work, Body()]) -> Work:
            return body

        works = await devrev.works.export()
        assert await ask(app, "GET", "/works") == (200, [each.to_dict() for each in works])
        issue = next(each for each in works if isinstance(each, Issue))
        assert await ask(app, "GET", f"/works/{issue.display_id}") == (200, issue.to_dict())
        assert await ask(app, "POST", "/echo", issue.to_json()) == (200, issue.to_dict())
        status, openapi = await ask(app, "GET", "/openapi.json")
    assert status == 200
    assert openapi["components"]["schemas"]["Issue"]["properties"]["title"]["type"] == "string"
