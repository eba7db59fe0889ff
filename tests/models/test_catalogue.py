"""The catalogue: the house's own is right, and a wrong one is refused."""

from __future__ import annotations

import copy
import tomllib
from pathlib import Path
from typing import Any

import pytest

from agent.errors import NotFoundError, SettingsError
from agent.models import catalogue


@pytest.fixture
def content() -> dict[str, Any]:
    file = Path(catalogue.__file__).with_name("catalogue.toml")
    return copy.deepcopy(tomllib.loads(file.read_text(encoding="utf-8")))


def test_the_houses_own_catalogue_has_models_for_both_roles() -> None:
    models = catalogue.load()
    assert [model.parameters for model in models.of_role("chat")] == [1544, 494, 135]
    assert models.of_role("embed")[0].files[0].name == "model.onnx"


def test_a_model_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(NotFoundError, match="all-minilm-l6-v2"):
        catalogue.load().find("gpt-9")


def test_a_part_that_is_missing_among_wheels_is_refused(content: dict[str, Any]) -> None:
    content["model"][0]["files"][0]["sources"][1]["wheels"].pop()
    with pytest.raises(SettingsError, match="its wheels hold"):
        catalogue.read(content)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("name", "../up", "no name for a model"),
        ("role", "sing", "unknown role"),
        ("memory", "much", "not of the type"),
        ("memory", 0, "more than nothing"),
        ("files", [], "no files"),
        ("speed", 3, "has no speed"),
    ],
)
def test_a_wrong_model_is_refused_by_name(
    content: dict[str, Any], field: str, value: object, says: str
) -> None:
    content["model"][0][field] = value
    with pytest.raises(SettingsError, match=says):
        catalogue.read(content)


@pytest.mark.parametrize("package", ["--index-url=http://evil", "https://evil/x", "a b", "-r"])
def test_a_package_can_never_become_an_option_of_pip(content: dict[str, Any], package: str) -> None:
    content["model"][0]["files"][0]["sources"][1]["wheels"][0]["package"] = package
    with pytest.raises(SettingsError, match="no name for a package"):
        catalogue.read(content)


def test_a_file_that_would_leave_its_folder_is_refused(content: dict[str, Any]) -> None:
    content["model"][0]["files"][0]["name"] = "../../etc/passwd"
    with pytest.raises(SettingsError, match="no name for a file"):
        catalogue.read(content)


def test_a_source_without_encryption_is_refused(content: dict[str, Any]) -> None:
    content["model"][0]["files"][0]["sources"][0]["url"] = "http://example.org/model"
    with pytest.raises(SettingsError, match="not https"):
        catalogue.read(content)


def test_a_model_named_twice_is_refused(content: dict[str, Any]) -> None:
    content["model"].append(content["model"][0])
    with pytest.raises(SettingsError, match="twice"):
        catalogue.read(content)
