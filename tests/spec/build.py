"""Makes works.json and lists.json from the official OpenAPI files.

    python build.py WORKS-OLDER.yaml WORKS-NEWER.yaml > works.json
    python build.py --only parts.list,dev-users.list,rev-users.list,accounts.list,tags.list PUBLIC.yaml BETA.yaml \\
        WORKS-NEWER.yaml > lists.json

The last file has no lists, but the newest errors.

The official files validate no work at all: the branches of their unions overlap, and unknown properties pass. So each
union with a discriminator becomes one closed object per value of the discriminator, properties of several files are
united, and all prose is left out. What stays is names, types, limits and references.
"""

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeGuard

yaml: Any = importlib.import_module("yaml")  # a tool of this script alone, and without types of its own


Schema = dict[str, Any]
Tags = tuple[tuple[str, str], ...]
_PROSE = ("description", "summary", "title", "example", "examples", "externalDocs", "tags")


def main(arguments: list[str]) -> None:
    only, paths = (arguments[1].split(","), arguments[2:]) if arguments[0] == "--only" else ([], arguments)
    merged: Schema = {}
    for path in paths:
        document = yaml.load(Path(path).read_text(), Loader=yaml.CSafeLoader)
        if only:
            document["paths"] = {path: item for path, item in document["paths"].items() if path[1:] in only}
            document["components"]["schemas"] = reachable(document["components"]["schemas"], document)
        merged = unite(merged, close(document))
    if not only:
        document_conflict(merged)
    json.dump(merged, sys.stdout, separators=(",", ":"), sort_keys=True)
    sys.stdout.write("\n")


def document_conflict(merged: Schema) -> None:
    # Documented in prose only: a bare message for unknown routes, and 409 for a second use of an external_ref.
    conflict = {"type": "object", "properties": {"message": {"type": "string"}, "type": {"enum": ["conflict"]}}}
    merged["components"]["schemas"]["error-conflict"] = conflict | {"required": ["type"], "additionalProperties": False}
    reference = {"$ref": "#/components/schemas/error-conflict"}
    merged["paths"]["/works.create"]["post"]["responses"]["409"] = {
        "description": "",
        "content": {"application/json": {"schema": reference}},
    }


def close(document: Schema) -> Schema:
    """`document` without prose, its unions disjoint and its objects closed."""
    document = stripped(document)
    schemas: Schema = {}
    originals = document["components"]["schemas"]
    for name, schema in originals.items():
        branches = list(flatten(schema, originals))
        if len(branches) == 1 and not branches[0][0]:
            schemas[name] = branches[0][1]
            continue
        names: list[str] = []
        for tags, branch in branches:
            names.append("--".join([name, *(value for _, value in sorted(tags))]))
            schemas[names[-1]] = branch
        schemas[name] = {"oneOf": [{"$ref": f"#/components/schemas/{branch}"} for branch in names]}
    components = {"schemas": reachable(schemas, document), "responses": document["components"]["responses"]}
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": document["openapi"],
        "info": {"title": "works", "version": "1"},
        "security": [{"bearer": []}],
        "paths": document["paths"],
        "components": components,
    }


def stripped(node: Any, *, names: bool = False) -> Any:
    """`node` without prose; `names` says that its keys are names of properties and the like, not keywords."""
    if is_list(node):
        return [stripped(item) for item in node]
    if not is_object(node):
        return node
    kept: Schema = {
        key: stripped(value, names=not names and key in ("properties", "schemas", "mapping", "responses"))
        for key, value in node.items()
        if names or (key not in _PROSE and not key.startswith("x-"))
    }
    if "content" in kept and not names:
        kept["description"] = ""  # required of a response
    return kept


def flatten(schema: Schema, originals: Schema) -> Iterator[tuple[Tags, Schema]]:
    """Each branch of `schema` with the discriminator values that lead to it, as one closed object."""
    if "discriminator" not in schema and "allOf" not in schema:
        yield (), _closed(schema)
        return
    branches: list[tuple[Tags, Schema]] = [((), {"type": "object", "properties": {}})]
    own: Schema = {key: schema[key] for key in ("properties", "required") if key in schema}
    parts: list[list[tuple[Tags, Schema]]] = [[((), own)]] if own else []
    parts += [list(flatten(resolve(part, originals), originals)) for part in schema.get("allOf", ())]
    if "discriminator" in schema:
        parts.append(list(_alternatives(schema["discriminator"], originals)))
    for part in parts:
        branches = [(tags + more, _joined(branch, addition)) for tags, branch in branches for more, addition in part]
    for tags, branch in branches:
        yield tags, _closed(branch)


def _alternatives(discriminator: Schema, originals: Schema) -> Iterator[tuple[Tags, Schema]]:
    name = discriminator["propertyName"]
    for value, reference in sorted(discriminator["mapping"].items()):
        for tags, branch in flatten(resolve({"$ref": reference}, originals), originals):
            fixed: Schema = {"properties": {name: {"type": "string", "enum": [value]}}, "required": [name]}
            if value == "none":  # the API's word for a body without the discriminator
                fixed = {"absent": [name]}
            yield ((name, value), *tags), _joined(branch, fixed)


def _joined(one: Schema, two: Schema) -> Schema:
    absent = {*one.get("absent", ()), *two.get("absent", ())}
    properties = {**one.get("properties", {})}
    for name, schema in two.get("properties", {}).items():
        # The branch's own single value is narrower than the list of all values.
        properties[name] = properties[name] if len(properties.get(name, {}).get("enum", ())) == 1 else schema
    required = {*one.get("required", ()), *two.get("required", ())}
    joined: Schema = {"type": "object", "properties": {k: v for k, v in properties.items() if k not in absent}}
    joined["required"] = sorted(required - absent)
    return joined | ({"absent": sorted(absent)} if absent else {})


def _closed(schema: Schema) -> Schema:
    closed = {key: value for key, value in schema.items() if key not in ("absent", "discriminator", "oneOf")}
    if not closed.get("required", True):
        del closed["required"]
    if "properties" in closed:
        closed.setdefault("additionalProperties", False)
    return closed


def resolve(schema: Schema, originals: Schema) -> Schema:
    while "$ref" in schema:
        schema = originals[schema["$ref"].rpartition("/")[2]]
    return schema


def reachable(schemas: Schema, document: Schema) -> Schema:
    """The schemas that the paths lead to."""
    waiting: list[Any] = [document["paths"], document["components"]["responses"]]
    found: Schema = {}
    while waiting:
        for name in references(waiting.pop()):
            if name in schemas and name not in found:
                found[name] = schemas[name]
                waiting.append(schemas[name])
    return found


def references(node: Any) -> Iterator[str]:
    if is_list(node):
        for item in node:
            yield from references(item)
    elif is_object(node):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].rpartition("/")[2]
        for value in node.values():
            yield from references(value)


def unite(one: Any, two: Any) -> Any:
    """Everything that either has."""
    if is_object(one) and is_object(two):
        return _united_objects(one, two)
    if is_list(one) and is_list(two):
        return _united_lists(one, two)
    return two


def _united_objects(one: Schema, two: Schema) -> Schema:
    united: Schema = {**one, **two}
    for name in one.keys() & two.keys():
        united[name] = unite(one[name], two[name])
    if "properties" in united and "required" in united:  # what both require
        united["required"] = [name for name in one.get("required", ()) if name in two.get("required", ())]
    return united


def _united_lists(one: list[Any], two: list[Any]) -> list[Any]:
    parameters = {item["name"] for item in one if is_object(item) and "name" in item}
    fresh = [item for item in two if item not in one]
    return one + [item for item in fresh if not (is_object(item) and item.get("name") in parameters)]


def is_object(node: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(node, dict)


def is_list(node: object) -> TypeGuard[list[Any]]:
    return isinstance(node, list)


if __name__ == "__main__":
    main(sys.argv[1:])
