"""What exports do with memory."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

CODE = """
from devrev_async.sinks._memory import release_unused

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 >> 20

blocks = [bytes(5000) for _ in range(20_000)]
del blocks[:-1]  # the last one keeps the heap as long as it was
before = resident()
release_unused()
print(before - resident())
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="another C library keeps nothing, or has no way to say so"
)
def test_what_was_freed_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 60  # of 100 MB
