"""The shape of the house, as the README draws it: who may import whom, how large things get, what they are called."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import packages_distributions

import pytest

from tests.source_tree import CHECKOUT, PACKAGES, Module, modules

GROUND = {
    "addresses",
    "alive",
    "claim",
    "database",
    "durable",
    "embed",
    "errors",
    "free_disk",
    "house_settings",
    "logs",
    "message",
    "models",
    "plain_file",
    "processes",
    "registry",
    "settings",
    "settings_file",
    "store",
    "wire",
}
SERVICES = {"brain", "recall", "conversation"}
LONGEST_FILE = 400
LONGEST_FUNCTION = 50
TOP_LEVEL = {
    ".ci", ".editorconfig", ".gitignore", "CHANGELOG.md", "LICENSE", "Makefile", "README.md", "agent", "provisioning",
    "pyproject.toml", "rootfs", "tests", "webui",
}  # fmt: skip
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "manager", "base", "common", "misc"}

every_module = pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)


def room(name: str) -> str:
    """Which part of the house a module belongs to: ground, a service, channels, letters, commands, webui, provisioning."""
    parts = name.split(".")
    if parts[0] != "agent":
        return parts[0]
    if len(parts) == 1 or parts[1] in GROUND:
        return "ground"
    return parts[1]


ALLOWED = {
    "ground": {"ground"},
    "brain": {"ground", "brain"},
    "recall": {"ground", "recall"},
    "conversation": {"ground", "conversation"},
    "letters": {"ground", "letters"},
    "channels": {"ground", "letters", "channels"},
    "tools": {"ground", "tools"},
    "commands": {"ground", "letters", "conversation", "commands"},
    "__main__": {"ground"},
    "webui": {"ground", "webui"},
    "provisioning": {"ground", "provisioning"},
}


@every_module
def test_imports_point_one_way(module: Module) -> None:
    wrong = {name for name in module.imports() if room(name) not in ALLOWED[room(module.name)]}
    assert not wrong, f"{module.name} may not import {sorted(wrong)}"


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = {module.name: module.imports(types=False) - {module.name} for module in modules()}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"a circle: {' -> '.join((*path, name))}"
        if name not in done:
            for other in graph[name]:
                visit(other, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@every_module
def test_a_file_holds_one_noun_and_stays_short(module: Module) -> None:
    assert module.lines <= LONGEST_FILE
    long = [f"{name} ({lines})" for name, lines in module.functions() if lines > LONGEST_FUNCTION]
    assert not long, f"{module.name}: {long}"


@every_module
def test_a_module_says_what_it_owns_and_what_it_does_not_know(module: Module) -> None:
    import ast

    text = ast.get_docstring(module.tree) or ""
    assert text, f"{module.name} has no docstring"
    if module.path.name != "__init__.py":
        assert "Owns:" in text, module.name
        assert re.search(r"[Dd]oes(n't| not) know", text), module.name


@every_module
def test_no_module_bears_a_name_that_is_taken_or_says_nothing(module: Module) -> None:
    name = module.name.rpartition(".")[2]
    taken = (set(sys.stdlib_module_names) | set(packages_distributions())) - set(PACKAGES) - {"__main__"}
    if module.name.startswith("agent.commands."):
        taken -= {"search"}  # a command's name is the user's word
    assert name not in taken | EMPTY_NAMES


@every_module
def test_a_module_can_be_imported_first(module: Module) -> None:
    if module.name.endswith("__main__"):
        return
    subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import {module.name}"], check=True, cwd=CHECKOUT, timeout=60
    )


def test_the_top_level_is_as_the_readme_says() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], check=True, cwd=CHECKOUT, capture_output=True, text=True
    ).stdout
    assert {line.split("/")[0] for line in listed.splitlines()} <= TOP_LEVEL


def test_the_readme_names_every_part_of_the_tree() -> None:
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    parts = {module.path.parent.relative_to(CHECKOUT) for module in modules()}
    missing = [str(part) for part in parts if f"{part.name}/" not in readme]
    assert not missing


def test_the_version_is_the_changelogs_newest() -> None:
    import tomllib

    version = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["version"]
    newest = re.search(r"^## (\S+)", (CHECKOUT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest
    assert newest[1] == version


def test_no_lock_file_names_a_registry() -> None:
    for lock in (CHECKOUT / "provisioning" / "lock").glob("*.txt"):
        text = lock.read_text()
        assert "://" not in text
        assert "--hash=sha256:" in text
