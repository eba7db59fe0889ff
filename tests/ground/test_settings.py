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


def test_a_section_can_have_further_entries_with_values_of_their_own(tmp_path: Path) -> None:
    settings.save(tmp_path, {"mail.address": "nisse@example.org", "mail.poll": 30})
    settings.save(
        tmp_path, {"mail.more.garden.address": "garden@example.org", "mail.more.garden.imap_port": 143}
    )
    found = load(tmp_path)
    assert found.further("mail") == ("garden",)
    garden = found.entry("mail", "garden")
    assert (garden.text("mail.address"), garden.number("mail.imap_port")) == ("garden@example.org", 143)
    assert garden.text("mail.imap_host") == "", "what is not given is the default, not the first entry's"
    assert garden.number("mail.poll") == 30, "what does not repeat is shared"
    assert found.text("mail.address") == "nisse@example.org"
    with pytest.raises(SettingsError):
        found.entry("mail", "cellar")


def test_a_further_entrys_secrets_are_masked_and_may_come_from_the_environment(tmp_path: Path) -> None:
    settings.save(tmp_path, {"mail.more.the-garden.password": "from the file"})
    found = load(tmp_path, NISSE_MAIL_MORE_THE_GARDEN_PASSWORD="from outside").entry("mail", "the-garden")
    assert found.secret("mail.password").reveal() == "from outside"
    assert logs.masked("it is from outside") == "it is *****"


def test_a_further_entry_begins_a_process_anew_and_can_be_taken_away(tmp_path: Path) -> None:
    before = load(tmp_path).fingerprint("mail")
    settings.save(tmp_path, {"mail.more.garden.address": "garden@example.org", "house.name": "box"})
    assert load(tmp_path).fingerprint("mail") != before
    settings.remove(tmp_path, "mail", "garden")
    settings.remove(tmp_path, "mail", "garden")
    assert load(tmp_path).fingerprint("mail") == before
    assert load(tmp_path).text("house.name") == "box"


@pytest.mark.parametrize(
    "key",
    ["mail.more.Garden.address", "mail.more..address", "mail.more.a b.address", "mail.more.garden.poll",
     "mail.more.garden", "brain.more.one.model", "mail.more.garden.address.x"],
)  # fmt: skip
def test_what_cannot_be_a_further_entry_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(SettingsError):
        settings.save(tmp_path, {key: "x"})


def test_an_entry_with_a_wrong_name_in_the_file_is_told_of(tmp_path: Path) -> None:
    (tmp_path / settings.FILE_NAME).write_text('[mail.more."My Garden"]\naddress = "g@example.org"\n')
    with pytest.raises(SettingsError, match="My Garden"):
        load(tmp_path)
