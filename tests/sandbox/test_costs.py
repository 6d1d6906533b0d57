"""What the sandbox costs those who do not use it."""

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
