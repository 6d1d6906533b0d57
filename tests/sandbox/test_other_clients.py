"""Clients that others wrote for the real API drive the sandbox; where they break the API's rules, it refuses them."""

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from devrev_async.sandbox import Sandbox, run_in_thread
from tests.spec import validate_response

TYPESCRIPT_SDK = "@devrev/typescript-sdk@1.1.71"
PYTHON_SDK = """
import json, sys
import devrev, httpx
from devrev.exceptions import DevRevError
from devrev.models.works import IssuePriority, WorkType

url, token = sys.argv[1:]
client = devrev.DevRevClient(api_token=token, base_url="https://sandbox.invalid")
client._http._client.base_url = httpx.URL(url)  # it takes https only; the client underneath takes both
works = client.works

def call(name, function, *args, **fields):
    try:
        result = function(*args, **fields)
    except DevRevError as error:
        print(json.dumps([name, type(error).__name__]))
        return None
    shown = result if isinstance(result, list) else [result]
    print(json.dumps([name, [work.title for work in shown if work is not None]]))
    return result

made = call("create", works.create, title="made", applies_to_part="PROD-1", type=WorkType.ISSUE, owned_by=["DEVU-1"])
call("get", works.get, made.id)
call("update", works.update, made.id, title="changed")
call("update priority", works.update, made.id, priority=IssuePriority.P0)
call("list", lambda: works.list(limit=1).works)
call("list stage_name", lambda: works.list(stage_name=["triage"]).works)
call("export", works.export, first=1)
call("delete", works.delete, made.id)
call("get after delete", works.get, made.id)
"""


@pytest.fixture
def sandbox() -> Generator[Sandbox]:
    with run_in_thread(Sandbox(works=100, seed=1)) as running:
        yield running


def calls(sandbox: Sandbox, *command: str, cwd: Path) -> list[list[Any]]:
    """What the program printed, one list per call."""
    run = subprocess.run([*command, sandbox.url, sandbox.token], capture_output=True, text=True, cwd=cwd, check=False)
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_the_official_typescript_sdk(sandbox: Sandbox, tmp_path: Path) -> None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not installed")
    install = [npm, "install", "--silent", "--no-audit", "--no-fund", TYPESCRIPT_SDK]
    if subprocess.run(install, cwd=tmp_path, capture_output=True, check=False).returncode:
        pytest.skip("npm cannot fetch the SDK")
    script = str(Path(__file__).with_name("typescript_sdk.js"))
    answers = {name: (status, body) for name, status, body in calls(sandbox, node, script, cwd=tmp_path)}

    assert {name: status for name, (status, _) in answers.items()} == {
        "create": 201,
        "get": 200,
        "get by post": 200,
        "update": 200,
        "update without type": 400,  # `priority` belongs to issues; the SDK's types let it through without `type`
        "list": 200,
        "list by post": 200,
        "export": 200,
        "export by post": 200,
        "count": 200,
        "delete": 200,
        "get after delete": 404,
    }
    for name, (status, body) in answers.items():
        validate_response(f"works.{name.split()[0]}", body, status)
    assert answers["get"] == answers["get by post"]
    assert (answers["update"][1]["work"]["priority"], answers["update without type"][1]["field_name"]) == (
        "p0",
        "priority",
    )
    # The SDK sends arrays of a query string as "a","b", quotes included.
    assert '"issue","task"' in [request.query.get("type") for request in sandbox.requests]
    assert {work["type"] for work in answers["list"][1]["works"]} <= {"issue", "task"}
    assert [work["type"] for work in answers["export"][1]["works"]] == ["ticket"] * 4
    assert {work["severity"] for work in answers["export"][1]["works"]} <= {"low", "high"}


def test_the_python_sdk(sandbox: Sandbox, tmp_path: Path) -> None:
    if importlib.util.find_spec("devrev") is None:
        pytest.skip("devrev-python-sdk is not installed")
    newest = sandbox.get(sandbox.ids()[-1])["title"]
    answers = calls(sandbox, sys.executable, "-c", PYTHON_SDK, cwd=tmp_path)
    assert answers == [
        ["create", ["made"]],
        ["get", ["made"]],
        ["update", ["changed"]],
        ["update priority", "ValidationError"],  # it never sends `type`, so a field of issues is unknown
        ["list", ["changed"]],
        ["list stage_name", "ValidationError"],  # the API's name is stage.name
        ["export", ["changed"]],
        ["delete", []],
        ["get after delete", "NotFoundError"],
    ]
    assert sandbox.get(sandbox.ids()[-1])["title"] == newest
