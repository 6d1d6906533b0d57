from typing import Any

class DataType:
    def jsonValue(self) -> Any: ...
    def simpleString(self) -> str: ...

class StructField:
    name: str
    dataType: DataType

class StructType(DataType):
    names: list[str]
    fields: list[StructField]
    def __init__(self, fields: list[StructField] | None = ...) -> None: ...
    def add(self, field: str, data_type: str) -> StructType: ...
