"""How many random examples a test makes, chosen by ``pytest --hypothesis-profile=quick|ci|thorough``.

A number of examples is that of the profile ``ci``, which ``.ci/run`` uses once over all such tests. The default, ``quick``,
makes a share of it, and ``thorough``, for whoever changes a planner or a parser, ten times as many.
"""

from __future__ import annotations

import os
from typing import Final

from hypothesis import settings

PERCENT: Final = {"quick": 20, "ci": 100, "thorough": 1000}


def register_profiles() -> None:
    """Registers the profiles, loads ``quick``, and has the same examples made on every run where ``CI`` is set."""
    for name, percent in PERCENT.items():
        settings.register_profile(name, max_examples=percent, deadline=None, derandomize=bool(os.environ.get("CI")))
    settings.load_profile("quick")


def examples(number: int) -> int:
    """Returns the number of examples for the profile in use, of a test that makes `number` of them in CI."""
    return max(1, number * settings().max_examples // 100)
