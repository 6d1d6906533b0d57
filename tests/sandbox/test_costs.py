"""What the sandbox costs those who do not use it, and leaves of those who end early."""

import subprocess
import sys


def loaded_by(statement: str) -> set[str]:
    code = (
        f"import sys, devrev_async; before = set(sys.modules); {statement}; print(*sorted(set(sys.modules) - before))"
    )
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_the_record_of_quirks_brings_no_server() -> None:
    """Pure models of servers in tests import it."""
    loaded = loaded_by("from devrev_async.sandbox import Quirks")
    assert {name for name in loaded if name.startswith("devrev_async.sandbox.")} == {"devrev_async.sandbox.quirks"}
    assert "aiohttp.web" not in loaded


def test_a_command_whose_reader_leaves_is_silent() -> None:
    """``works export --sandbox -o - | true``: the sandbox, too, has nothing to say."""
    command = [sys.executable, "-m", "devrev_async.cli", "works", "export", "--sandbox", "-o", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
