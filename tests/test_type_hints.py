"""Annotations of the public surface can be evaluated, as documentation and dependency injection do."""

from __future__ import annotations

import typing

import pytest

import devrev_async
from devrev_async import models

PUBLIC = sorted({*devrev_async.__all__} - {"__version__", "UNSET", "Work"})


@pytest.mark.parametrize("name", PUBLIC)
def test_each_public_name_has_type_hints_that_resolve(name: str) -> None:
    typing.get_type_hints(getattr(devrev_async, name), include_extras=True)


@pytest.mark.parametrize("name", sorted(set(models.__all__) - {"Work", "DateFilter"}))
def test_each_model_has_type_hints_that_resolve(name: str) -> None:
    typing.get_type_hints(getattr(models, name), include_extras=True)
