"""Works made at random from the strict schema: any property or none; strings, numbers and times at their extremes."""

import random
from typing import Any

from tests.spec import document

SCHEMAS: dict[str, Any] = document()["components"]["schemas"]
TYPES = ("issue", "ticket", "task", "opportunity")

STRINGS = [
    "", " ", "\t\n\r ", "null", "plain", "<don:core:dvrv-us-1:devo/0aB:issue/91>", "don:core:x:devo/1:issue/14",
    "ünïcødé", "\U0001f9a6\U0010ffff", "\u2028\u2029\x00\x1f\x7f\x85\ufeff", "\ud7ff\ue000", '"\\/\b\f', "e\u0301",
    "\u202eright to left", "2024-01-01T00:00:00Z", "},{", '"works":[', "x" * 5000, "p0", "open",
]  # fmt: skip
INT64 = [0, 1, -1, 2**53, 2**53 + 1, -(2**63), 2**63 - 1]
INT32 = [0, 1, -1, -(2**31), 2**31 - 1]
FLOATS = [0, 1, -1, 0.1, 1.5, -0.0, 5e-324, 1.7976931348623157e308, -1e-7, 2**53]
TIMES = [
    "2024-05-18T06:49:47.816Z", "2024-05-18T06:49:06.58Z", "2024-05-18T06:49:12.1Z", "2024-05-18T06:49:12Z",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.000001Z", "2024-02-29T23:59:59+05:30",
    "2024-01-01T00:00:00-12:00", "2024-01-01T00:00:00.123456+14:00",
]  # fmt: skip
FREE: list[Any] = [None, True, False, "", "text", 0, -1, 2**64, -(10**30), 1.5, 1e300, [], {}, [None, [1, {"a": None}]]]


class Maker:
    """Makes works; `made` are the properties (schema and name) that were made with a value."""

    def __init__(self, seed: int, *, present: float = 0.6, null: float = 0.0, longest: int = 3) -> None:
        self.random = random.Random(seed)
        self.made: set[tuple[str, str]] = set()
        self._present, self._null, self._longest = present, null, longest
        self._count = 0

    def work(self, type_: str | None = None) -> dict[str, Any]:
        """A work with an id of its own."""
        self._count += 1
        made = self._of(f"work--{type_ or self.random.choice(TYPES)}")
        made["id"] = f"don:core:dvrv-us-1:devo/0aB:{made['type']}/{self._count}"
        return made

    def works(self, count: int) -> list[dict[str, Any]]:
        return [self.work() for _ in range(count)]

    def free(self, depth: int = 0) -> Any:
        """Any JSON."""
        kind = self.random.random()
        if depth < 3 and kind < 0.2:
            return {self.random.choice(STRINGS): self.free(depth + 1) for _ in range(self.random.randrange(4))}
        if depth < 3 and kind < 0.4:
            return [self.free(depth + 1) for _ in range(self.random.randrange(4))]
        return self.random.choice(FREE + STRINGS)

    def _of(self, name: str) -> dict[str, Any]:
        schema = SCHEMAS[name]
        made: dict[str, Any] = {}
        required = set(schema.get("required", ()))
        names = list(schema["properties"])
        self.random.shuffle(names)
        for key in names:
            if key not in ("id", "type") and self.random.random() < self._null:
                made[key] = None
            elif key in required or self.random.random() < self._present:
                made[key] = self._value(schema["properties"][key])
                self.made.add((name, key))
        return made

    def _value(self, schema: dict[str, Any]) -> Any:
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            resolved = SCHEMAS[name]
            if "oneOf" in resolved:
                return self._value(self.random.choice(resolved["oneOf"]))
            return self._of(name) if "properties" in resolved else self._value(resolved)
        if "enum" in schema:
            return self.random.choice(schema["enum"])
        if schema.get("format") == "date-time":
            return self.random.choice(TIMES)
        match schema.get("type"):
            case "array":
                return [self._value(schema["items"]) for _ in range(self.random.randint(0, self._longest))]
            case "integer":
                return self.random.choice(INT32 if schema.get("format") == "int32" else INT64)
            case "number":
                return self.random.choice(FLOATS)
            case "boolean":
                return self.random.random() < 0.5
            case "string":
                return self.random.choice(STRINGS)
            case "object":
                return {f"tnt__{name}": self.free() for name in range(self.random.randrange(5))}
            case _:
                return self.free()


def every_property() -> set[tuple[str, str]]:
    """Each property that a work may have, at any depth."""
    found: set[tuple[str, str]] = set()
    waiting = [f"work--{type_}" for type_ in TYPES]
    while waiting:
        name = waiting.pop()
        for key, schema in SCHEMAS[name].get("properties", {}).items():
            if (name, key) not in found:
                found.add((name, key))
                waiting += _names_in(schema)
        waiting += _names_in({"oneOf": SCHEMAS[name].get("oneOf", [])})
    return found


def _names_in(schema: dict[str, Any]) -> list[str]:
    references = [schema, schema.get("items", {}), *schema.get("oneOf", [])]
    return [reference["$ref"].rpartition("/")[2] for reference in references if "$ref" in reference]
