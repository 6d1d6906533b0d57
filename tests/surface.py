"""The public surface as text, read from the sources, so that it is the same on every Python.

After an intended change of the surface, write the snapshot anew and review its diff:

    python -m tests.surface
"""

import ast
import importlib
import inspect
import pkgutil
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import devrev_async

SNAPSHOT = Path(__file__).with_name("public_surface.txt")
INTERNAL = frozenset({"cli", "changes", "client", "export", "options", "reports", "resources", "sinks"})
"""Modules without an underscore whose public names `devrev_async` itself exports."""
ENGINES = frozenset({"dask", "spark"})
"""Modules that can be imported only where their engine is installed; their own tests see to their names."""


HANDED_OUT = ("devrev_async.resources.works.Works", "devrev_async.resources._base.CallOptions")
MADE_BY_CALLS = ("devrev_async.changes", "devrev_async.export", "devrev_async.resources")
"""Where users construct nothing: how these classes are made is free to change."""


def public_modules() -> list[str]:
    """Every module that users import from."""
    found = [info.name for info in pkgutil.iter_modules(devrev_async.__path__)]
    names = [name for name in found if not name.startswith("_") and name not in INTERNAL | ENGINES]
    return ["devrev_async", *(f"devrev_async.{name}" for name in sorted(names))]


def surface(module_name: str) -> Iterator[str]:
    """One line for each public name of a module, and one for each public member of a class."""
    module = importlib.import_module(module_name)
    yield f"# {module_name}"
    names: list[str] = module.__all__
    for name in sorted(names):
        item = getattr(module, name)
        home = getattr(item, "__module__", "") or ""
        if typing.get_args(item):
            yield f"{name} = {' | '.join(part.__name__ for part in typing.get_args(item))}"
        elif not home.startswith("devrev_async"):
            yield f"{name} ({type(item).__name__})"
        elif (
            inspect.isclass(item)
            and module_name == "devrev_async"
            and f"devrev_async.{home.split('.')[1]}" in public_modules()
        ):
            yield f"{name} = {home}.{name}"
        elif inspect.isclass(item):
            yield from class_lines(name, item)
        elif inspect.isfunction(item):
            yield from function_lines(name, definition(item))
        else:
            yield f"{name} ({type(item).__name__})"
    yield ""


def handed_out() -> Iterator[str]:
    """Classes that users do not import: attributes of the client, and the keyword arguments of calls."""
    yield "# handed out"
    for path in HANDED_OUT:
        module, _, name = path.rpartition(".")
        yield from class_lines(name, getattr(importlib.import_module(module), name))
    yield ""


def class_lines(name: str, item: type) -> Iterator[str]:
    node = definition(item)
    assert isinstance(node, ast.ClassDef)
    bases = [ast.unparse(base) for base in node.bases] + [ast.unparse(keyword) for keyword in node.keywords]
    yield f"class {name}({', '.join(bases)})"
    shown: dict[str, list[str]] = {}
    for part in reversed(item.__mro__):
        if part is item or (part.__module__.startswith("devrev_async") and not is_public(part)):
            shown.update(members(definition(part), part.__module__))
    for lines in shown.values():
        yield from (f"    {line}" for line in lines)


def is_public(part: type) -> bool:
    return part.__name__ in {*devrev_async.__all__, *importlib.import_module("devrev_async.models").__all__}


def members(node: ast.AST, module: str) -> Iterator[tuple[str, list[str]]]:
    assert isinstance(node, ast.ClassDef)
    overloads: dict[str, list[str]] = {}
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign):
            name = ast.unparse(statement.target)
            if not name.startswith("_"):
                yield name, [ast.unparse(statement)]
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            name = statement.name
            if name == "__init__" and module.startswith(MADE_BY_CALLS):
                continue
            if not name.startswith("_") or name in (
                "__init__",
                "__aenter__",
                "__aiter__",
                "__await__",
                "__arrow_c_stream__",
            ):
                overloads.setdefault(name, []).extend(function_lines(name, statement))
    yield from overloads.items()


def function_lines(name: str, node: ast.AST) -> Iterator[str]:
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    marks = "".join(f"@{ast.unparse(mark)} " for mark in node.decorator_list)
    word = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    yield f"{marks}{word} {name}({ast.unparse(node.args)}){result}"


@cache
def tree(path: str) -> ast.Module:
    return ast.parse(Path(path).read_text(encoding="utf-8"))


def definition(item: object) -> ast.AST:
    """Where a class or function is defined at the top of its module; the last of several under a condition."""
    module = inspect.getmodule(item)
    assert isinstance(module, ModuleType)
    assert module.__file__
    name = item.__name__  # type: ignore[attr-defined]
    found = [
        node
        for node in ast.walk(tree(module.__file__))
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
    ]
    return found[-1]


def whole() -> str:
    modules = [line for name in public_modules() for line in surface(name)]
    return "\n".join([*modules, *handed_out()])


if __name__ == "__main__":
    SNAPSHOT.write_text(whole(), encoding="utf-8")
