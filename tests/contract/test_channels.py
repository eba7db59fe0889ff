"""What every channel keeps to; a new file in `agent/channels/` is tested here without a line being added."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent import registry, settings
from agent.house_settings import Setting

FAMILY = "agent.channels"
every_channel = pytest.mark.parametrize("name", registry.names(FAMILY))


def test_the_channels_of_this_version_are_there() -> None:
    assert set(registry.names(FAMILY)) >= {"console", "door", "mail"}


@every_channel
def test_a_channel_has_what_the_family_asks_for(name: str) -> None:
    module = registry.load(FAMILY, name)
    assert isinstance(module.ADDRESS_KIND, str)
    assert callable(module.check)
    assert module.Channel(settings.load()).run


@every_channel
def test_its_settings_are_declared_in_its_own_section(name: str) -> None:
    rows = registry.declared(FAMILY, name, "SETTINGS")
    assert rows is not None
    for row in rows:
        setting = Setting(**{**row, "choices": tuple(row.get("choices", ()))})
        assert setting.section == name
        assert settings.checked(setting, setting.default) == setting.default
        assert re.fullmatch(r"[A-Z].*\.", setting.help), setting.key
        if "password" in setting.key:
            assert setting.kind == "secret"


@every_channel
def test_making_a_channel_opens_and_writes_nothing(name: str, tmp_path: Path) -> None:
    registry.load(FAMILY, name).Channel(settings.load())
    assert not list(tmp_path.rglob("*.db"))
