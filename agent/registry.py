"""Plug-ins: one file in a family's package is one plug-in, found by its name and imported only when it is used.

Owns: listing a package's modules, importing one by name, and reading its declarations without running it.
Does not know: any plug-in or family.

A channel is a file in `agent/channels/`, a document format a file in `agent/recall/readers/`, and so on: adding one means
adding a file. Declarations such as `SETTINGS` are plain literals, read from the source text, so that a form or a sample
configuration can be made without importing the libraries that the plug-in needs.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from agent.errors import NotFoundError


@cache
def names(family: str) -> tuple[str, ...]:
    """The plug-ins of a family, sorted. A leading underscore marks what is not one.

    Args:
        family: A package's dotted name, such as `agent.channels`.
    """
    spec = importlib.util.find_spec(family)
    if spec is None or spec.submodule_search_locations is None:
        raise NotFoundError(f"There is no package {family}.")
    found = (module.name for module in pkgutil.iter_modules(spec.submodule_search_locations))
    return tuple(sorted(name for name in found if not name.startswith("_")))


def load(family: str, name: str) -> ModuleType:
    """Imports one plug-in.

    Raises:
        NotFoundError: The family has no plug-in of this name; the message lists those it has.
    """
    if name not in names(family):
        known = ", ".join(names(family)) or "none"
        raise NotFoundError(f"{family} has no {name!r}.", hint=f"There are: {known}.")
    return importlib.import_module(f"{family}.{name}")


@cache
def declared(family: str, name: str, variable: str) -> Any:
    """The literal that a plug-in's module assigns to a variable, read without importing it; None where there is none.

    Raises:
        ValueError: The value is not a literal.
    """
    tree = ast.parse(_source(family, name).read_text(encoding="utf-8"))
    for statement in tree.body:
        if isinstance(statement, ast.AnnAssign) and statement.value is not None:
            target: ast.expr = statement.target
            value = statement.value
        elif isinstance(statement, ast.Assign):
            target, value = statement.targets[0], statement.value
        else:
            continue
        if isinstance(target, ast.Name) and target.id == variable:
            return ast.literal_eval(value)
    return None


def _source(family: str, name: str) -> Path:
    spec = importlib.util.find_spec(family)
    if spec is None or spec.submodule_search_locations is None:
        raise NotFoundError(f"There is no package {family}.")
    for place in spec.submodule_search_locations:
        for file in (Path(place) / f"{name}.py", Path(place) / name / "__init__.py"):
            if file.is_file():
                return file
    raise NotFoundError(f"{family} has no {name!r}.")
