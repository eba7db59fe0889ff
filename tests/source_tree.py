"""The project's own source as data: its modules, what each imports, how long its functions are.

Owns: reading the tree. Does not know: which rules hold.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent
PACKAGES = ("agent", "webui", "provisioning")


@dataclass(frozen=True)
class Module:
    """One Python file of the product."""

    name: str  # dotted
    path: Path

    @property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.path.read_text(encoding="utf-8"))

    @property
    def lines(self) -> int:
        """How many lines it has."""
        return len(self.path.read_text(encoding="utf-8").splitlines())

    def imports(self, *, types: bool = True) -> set[str]:
        """The project's own modules that it imports, dotted.

        Args:
            types: Those as well that only a type checker imports.
        """
        known = {module.name for module in modules()}
        found = set()
        for node in ast.walk(self.tree if types else _WithoutTypes().visit(self.tree)):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                deeper = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= {name for name in deeper if name in known} or {node.module}
        return found & known

    def functions(self) -> Iterator[tuple[str, int]]:
        """Each function with its length in lines."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


class _WithoutTypes(ast.NodeTransformer):
    """Leaves out what stands under `if TYPE_CHECKING:`."""

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return node.orelse
        return self.generic_visit(node)


@cache
def modules() -> tuple[Module, ...]:
    """Every module of the product."""
    found = []
    for package in PACKAGES:
        for path in sorted((CHECKOUT / package).rglob("*.py")):
            parts = path.relative_to(CHECKOUT).with_suffix("").parts
            found.append(Module(".".join(parts[:-1] if parts[-1] == "__init__" else parts), path))
    return tuple(found)
