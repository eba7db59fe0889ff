"""Settings: where values come from, and what is refused."""

from __future__ import annotations

import stat
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent import logs, settings
from agent.errors import SettingsError
from agent.settings import Secret


def load(home: Path, **environ: str) -> settings.Settings:
    return settings.load({"NISSE_HOME": str(home), **environ})


def test_the_environment_goes_before_the_file_and_the_file_before_the_default(tmp_path: Path) -> None:
    assert load(tmp_path).number("brain.context") == 4096
    settings.save(tmp_path, {"brain.context": 2048})
    assert load(tmp_path).number("brain.context") == 2048
    assert load(tmp_path, NISSE_BRAIN_CONTEXT="1024").number("brain.context") == 1024


def test_saving_keeps_what_a_newer_version_wrote(tmp_path: Path) -> None:
    (tmp_path / settings.FILE_NAME).write_text('[future]\nthing = "yes"\n[brain]\nunknown = 1\n')
    settings.save(tmp_path, {"brain.context": 2048})
    content = tomllib.loads((tmp_path / settings.FILE_NAME).read_text())
    assert content == {"future": {"thing": "yes"}, "brain": {"unknown": 1, "context": 2048}}


def test_saves_at_once_lose_nothing(tmp_path: Path) -> None:
    settings.save(tmp_path, {"brain.token": "abcdefgh"})

    def save(key: str) -> None:
        for number in range(40):
            settings.save(tmp_path, {key: str(number)})
            assert load(tmp_path).secret("brain.token").reveal() == "abcdefgh"

    with ThreadPoolExecutor() as pool:
        list(pool.map(save, ("house.name", "brain.model", "recall.embedder")))
    assert load(tmp_path).text("house.name") == load(tmp_path).text("brain.model") == "39"


def test_a_secret_of_the_wrong_type_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / settings.FILE_NAME).write_text("[brain]\ntoken = 98765432\n")
    with pytest.raises(SettingsError, match="quotes") as refused:
        load(tmp_path)
    assert "98765432" not in str(refused.value)


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    settings.save(tmp_path, {"brain.token": "abcdefgh"})
    assert stat.S_IMODE((tmp_path / settings.FILE_NAME).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("key", "value"),
    [("brain.context", "many"), ("brain.context", 1), ("portal.announce", "perhaps"), ("brain.no", 1)],
)
def test_a_wrong_value_is_refused_and_the_file_stands(tmp_path: Path, key: str, value: str | int) -> None:
    settings.save(tmp_path, {"brain.context": 2048})
    before = (tmp_path / settings.FILE_NAME).read_bytes()
    with pytest.raises(SettingsError):
        settings.save(tmp_path, {"house.name": "box", key: value})
    assert (tmp_path / settings.FILE_NAME).read_bytes() == before


def test_a_torn_file_says_where_it_is_torn(tmp_path: Path) -> None:
    (tmp_path / settings.FILE_NAME).write_text("[brain\n")
    with pytest.raises(SettingsError, match=r"nisse\.toml cannot be read.*line 1"):
        load(tmp_path)


def test_a_secret_shows_stars_wherever_it_is_printed(tmp_path: Path) -> None:
    secret = load(tmp_path, NISSE_BRAIN_TOKEN="abcdefgh").secret("brain.token")
    assert "abcdefgh" not in f"{secret} {secret!r} {secret!s}" + str([secret])
    assert secret.reveal() == "abcdefgh"
    assert logs.masked("token abcdefgh") == "token *****"
    assert not Secret("")


def test_the_sample_has_every_setting_and_is_valid_when_uncommented() -> None:
    lines = [
        line.removeprefix("# ")
        for line in settings.sample().splitlines()
        if not line.startswith("#") or " = " in line
    ]
    content = tomllib.loads("\n".join(lines))
    flat = {f"{section}.{name}": value for section, rows in content.items() for name, value in rows.items()}
    assert flat == {key: setting.default for key, setting in settings.table().items()}
