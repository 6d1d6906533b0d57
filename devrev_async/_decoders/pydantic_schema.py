"""The schema by which pydantic takes works and what they refer to; loaded when pydantic asks for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import inspect
from pydantic_core import CoreSchema, core_schema

from devrev_async.models.base import Model, is_object
from devrev_async.models.works import WorkBase

from .fallback import DECODE_ERRORS, decode_one

__all__ = ["model_schema"]


def model_schema(model: type[Model], generate: Callable[[Any], CoreSchema]) -> CoreSchema:
    """The core schema of a model: validates an instance, which stays as it is, or its wire form; dumps the wire form.

    Args:
        model: the class.
        generate: makes the schema of another type, so that each object has one definition in a JSON schema.
    """
    described = inspect.type_info(model)
    assert isinstance(described, inspect.StructType)
    fields = {
        field.encode_name: core_schema.typed_dict_field(_field_schema(field.type, generate), required=field.required)
        for field in described.fields
        if field.name != "raw"
    }
    if described.tag_field is not None:
        tag = core_schema.literal_schema([described.tag])
        fields = {described.tag_field: core_schema.typed_dict_field(tag, required=True), **fields}
    wire_form = core_schema.typed_dict_schema(fields, config=core_schema.CoreConfig(title=model.__name__))

    def validate(value: object, _: Callable[[Any], Any]) -> Model:
        return _validated(model, value)

    validate.__qualname__ = model.__name__  # stands in pydantic's errors
    return core_schema.no_info_wrap_validator_function(
        validate,
        wire_form,  # describes the JSON; what validates is the decoder of responses
        ref=f"{model.__module__}.{model.__qualname__}",
        serialization=core_schema.plain_serializer_function_ser_schema(_dump),
    )


def _field_schema(kind: inspect.Type, generate: Callable[[Any], CoreSchema]) -> CoreSchema:
    match kind:
        case inspect.UnionType(types=members):
            given = [member for member in members if not isinstance(member, inspect.NoneType)]
            return _field_schema(given[0], generate)  # null is not in the wire form
        case inspect.StructType(cls=cls):
            return generate(cls)
        case inspect.VarTupleType(item_type=item_type):
            return core_schema.list_schema(_field_schema(item_type, generate))
        case inspect.DictType():
            return core_schema.dict_schema(core_schema.str_schema(), core_schema.any_schema())
        case inspect.DateTimeType():
            return core_schema.datetime_schema()
        case inspect.StrType():
            return core_schema.str_schema()
        case inspect.BoolType():
            return core_schema.bool_schema()
        case inspect.IntType():
            return core_schema.int_schema()
        case inspect.FloatType():
            return core_schema.float_schema()
        case _:
            return core_schema.any_schema()


def _validated(model: type[Model], value: object) -> Model:
    if isinstance(value, model):
        return value
    if not is_object(value):
        raise ValueError(f"expected {model.__name__} or its wire form, a dict")
    try:
        text = json.dumps(value).encode()
        made = decode_one(text)[0] if issubclass(model, WorkBase) else msgspec.json.decode(text, type=model)
    except (*DECODE_ERRORS, TypeError) as error:
        raise ValueError(f"not the wire form of {model.__name__}: {error}") from None
    if not isinstance(made, model):
        raise ValueError(f"the wire form is that of {made.__class__.__name__}, not of {model.__name__}")  # noqa: TRY004 - pydantic takes ValueErrors
    return made


def _dump(value: Any) -> Any:
    return value.to_dict() if isinstance(value, Model) else value
