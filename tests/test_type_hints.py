"""Annotations of the public surface can be evaluated, as documentation and dependency injection do."""

from __future__ import annotations

import inspect
import typing

import pytest

import devrev_async
from devrev_async import models

PUBLIC = sorted({*devrev_async.__all__} - {"__version__", "UNSET", "Work"})


@pytest.mark.parametrize("name", PUBLIC)
def test_of_the_package(name: str) -> None:
    public = getattr(devrev_async, name)
    typing.get_type_hints(public, include_extras=True)
    for member in vars(public).values():
        function = member.fget if isinstance(member, property) else member
        if (
            inspect.isfunction(function)
            and not function.__name__.startswith("_")
            and function.__module__.startswith("devrev")
        ):
            inspect.signature(function)


@pytest.mark.parametrize("name", sorted(set(models.__all__) - {"Work", "DateFilter"}))
def test_of_the_models(name: str) -> None:
    typing.get_type_hints(getattr(models, name), include_extras=True)
