"""What every plug-in of a family must have: a new file is tested by being there."""

from __future__ import annotations

import argparse
import configparser
from pathlib import Path

import pytest

from agent import registry
from agent.__main__ import SERVICES
from agent.errors import NotFoundError

CHECKOUT = Path(__file__).parent.parent.parent
PROGRAMS = CHECKOUT / "rootfs" / "etc" / "supervisor" / "conf.d"
WITHOUT_PROCESS = {"console"}  # somebody starts it by hand

every_channel = pytest.mark.parametrize("name", registry.names("agent.channels"))
every_command = pytest.mark.parametrize("name", registry.names("agent.commands"))
every_reader = pytest.mark.parametrize("name", registry.names("agent.recall.readers"))


@every_channel
def test_a_channel_has_its_process(name: str) -> None:
    if name not in WITHOUT_PROCESS:
        assert command(f"channel-{name}") == f"%(ENV_NISSE_COMMAND)s channel {name}"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_has_its_process(name: str) -> None:
    assert command(name) == f"%(ENV_NISSE_COMMAND)s {name}"


@every_command
def test_a_command_says_what_it_does_and_takes(name: str) -> None:
    module = registry.load("agent.commands", name)
    assert registry.declared("agent.commands", name, "HELP")
    module.arguments(argparse.ArgumentParser())
    assert callable(module.run)


@every_reader
def test_a_reader_says_what_it_reads(name: str) -> None:
    assert registry.declared("agent.recall.readers", name, "MEDIA_TYPES")
    assert all(
        suffix.startswith(".") for suffix in registry.declared("agent.recall.readers", name, "SUFFIXES")
    )


def test_what_is_not_there_is_named_with_what_is() -> None:
    with pytest.raises(NotFoundError, match="console"):
        registry.load("agent.channels", "pigeon")


def command(program: str) -> str:
    parser = configparser.ConfigParser(interpolation=None)
    assert parser.read(PROGRAMS / f"{program}.conf")
    return parser[f"program:{program}"]["command"]
