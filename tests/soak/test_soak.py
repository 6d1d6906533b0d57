"""A short soak, as a maintainer runs the long one."""

import os
import subprocess
import sys

import pytest

from tests.soak.environment import PROJECT


@pytest.mark.slow
@pytest.mark.skipif(
    "SOAK" not in os.environ, reason="what it meets depends on the timing of the machine: SOAK=1 runs it"
)
@pytest.mark.skipif(sys.platform == "win32", reason="processes are stopped and disks are small as on POSIX")
def test_nothing_is_left() -> None:
    command = [sys.executable, "-m", "tests.soak", "--seconds", "5", "--users", "8"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=110)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "left: nothing"), done.stdout + done.stderr
