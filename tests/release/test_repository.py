"""The signed lists: thresholds, changes of keys, and dates, as a box sees them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner

from agent.errors import ConflictError, NotFoundError, SettingsError
from provisioning.release import checking
from provisioning.release.repository import Repository
from provisioning.release.roles import set_role
from provisioning.updates.metadata import Metadata
from provisioning.updates.news import News
from provisioning.updates.refusals import RefusedError
from tests.release.publishing import KeysInMemory, Publisher

DAY = timedelta(days=1)


def _believed(publisher: Publisher, box: Path) -> News:
    now = publisher.moment or datetime.now(UTC)
    return Metadata(box, publisher.root, lambda: [publisher.url], now=lambda: now).refresh()


def _nothing(_signed: Any) -> None:
    pass


def test_a_new_repository_is_believed_and_empty(publisher: Publisher, tmp_path: Path) -> None:
    assert _believed(publisher, tmp_path / "box").releases == ()


def test_a_repository_is_not_made_twice(publisher: Publisher) -> None:
    with pytest.raises(ConflictError):
        publisher.repository.begin({}, {}, publisher.keys)


def test_a_folder_that_is_no_repository_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="is no repository"):
        Repository(tmp_path).newest("models")


def test_more_must_sign_than_there_are_keys(tmp_path: Path) -> None:
    keys = KeysInMemory()
    public = {role: [key.public_key for key in signers] for role, signers in keys.by_role.items()}
    with pytest.raises(SettingsError, match="4 must sign for root"):
        Repository(tmp_path / "repository").begin(public, {"root": 4}, keys)


def test_a_list_that_one_of_two_signed_waits_and_boxes_do_not_see_it(
    publisher: Publisher, tmp_path: Path
) -> None:
    absent = publisher.keys.by_role["targets"][1].public_key.keyid
    publisher.keys.away = {absent}
    (lacking,) = publisher.repository.change("targets", _nothing, publisher.keys)
    assert (lacking.role, lacking.have, lacking.need, lacking.keys) == ("targets", 1, 2, (absent,))
    assert publisher.repository.newest("targets").signed.version == 1
    assert _believed(publisher, tmp_path / "box").releases == ()

    publisher.keys.away = {
        key.public_key.keyid
        for role, keys in publisher.keys.by_role.items()
        for key in keys
        if role == "targets"
    } - {absent}
    assert publisher.repository.sign(publisher.keys) == []
    assert publisher.repository.newest("targets").signed.version == 2
    _believed(publisher, tmp_path / "box")


def test_a_second_change_waits_for_the_first(publisher: Publisher) -> None:
    publisher.keys.away = {key.public_key.keyid for key in publisher.keys.by_role["models"]}
    assert publisher.repository.change("models", _nothing, publisher.keys)
    with pytest.raises(ConflictError):
        publisher.repository.change("models", _nothing, publisher.keys)
    assert publisher.repository.unstage() == ["models"]
    publisher.keys.away = set()
    assert publisher.repository.change("models", _nothing, publisher.keys) == []


def test_what_waits_does_not_stop_the_daily_signing(publisher: Publisher) -> None:
    publisher.keys.away = {key.public_key.keyid for key in publisher.keys.by_role["root"]}
    assert publisher.repository.change("root", _nothing, publisher.keys)
    before = publisher.repository.newest("timestamp").signed.version
    assert [lacking.role for lacking in publisher.refresh()] == ["root"]
    assert publisher.repository.newest("timestamp").signed.version == before + 1


@pytest.mark.parametrize("role", ["root", "targets", "models", "snapshot", "timestamp"])
def test_a_stolen_key_of_any_role_is_replaced_and_boxes_follow(
    publisher: Publisher, tmp_path: Path, role: str
) -> None:
    _believed(publisher, tmp_path / "box")
    stolen, new = publisher.keys.by_role[role][0], CryptoSigner.generate_ed25519()
    publisher.keys.by_role[role].append(new)

    def replace(signed: Any) -> None:
        set_role(signed, role, add=[new.public_key], remove=[stolen.public_key.keyid[:8]])

    holder = "targets" if role == "models" else "root"
    assert publisher.repository.change(holder, replace, publisher.keys) == []
    publisher.keys.by_role[role].remove(stolen)
    assert publisher.refresh() == []
    for box in ("box", "new box"):
        _believed(publisher, tmp_path / box)


def test_a_new_root_needs_the_old_keys_too(publisher: Publisher) -> None:
    new = [CryptoSigner.generate_ed25519() for _ in range(3)]
    old = list(publisher.keys.by_role["root"])
    publisher.keys.by_role["root"] = new

    def replace(signed: Any) -> None:
        set_role(
            signed,
            "root",
            add=[key.public_key for key in new],
            remove=[key.public_key.keyid for key in old],
        )

    (lacking,) = publisher.repository.change("root", replace, publisher.keys)
    assert (lacking.role, lacking.have, lacking.need) == ("root", 0, 2)
    publisher.keys.by_role["root"] = old[:2]
    assert publisher.repository.sign(publisher.keys) == []


def test_a_key_that_is_not_there_cannot_be_removed(publisher: Publisher) -> None:
    with pytest.raises(SettingsError, match="has 0 keys"):
        publisher.repository.change(
            "root", lambda signed: set_role(signed, "root", remove=["zz"]), publisher.keys
        )


def test_the_last_key_cannot_be_removed(publisher: Publisher) -> None:
    only = publisher.keys.by_role["timestamp"][0].public_key.keyid
    with pytest.raises(SettingsError, match="1 must sign for timestamp, which has 0"):
        publisher.repository.change(
            "root", lambda signed: set_role(signed, "timestamp", remove=[only]), publisher.keys
        )


def test_daily_signing_keeps_a_repository_alive_for_a_year(publisher: Publisher, tmp_path: Path) -> None:
    begin = datetime.now(UTC)
    for day in range(0, 400, 5):
        publisher.moment = begin + day * DAY
        assert publisher.refresh() == []
        if not day % 40:
            _believed(publisher, tmp_path / "box")


def test_daily_signing_needs_no_keys_but_two_on_most_days(publisher: Publisher, tmp_path: Path) -> None:
    offline = {"root", "targets", "models"}
    publisher.keys.away = {
        key.public_key.keyid
        for role, keys in publisher.keys.by_role.items()
        for key in keys
        if role in offline
    }
    begin = datetime.now(UTC)
    for day in range(15):
        publisher.moment = begin + day * DAY
        assert publisher.refresh() == []
        _believed(publisher, tmp_path / "box")


def test_without_signing_boxes_stop_believing(publisher: Publisher, tmp_path: Path) -> None:
    publisher.moment = datetime.now(UTC) + 3 * DAY
    with pytest.raises(RefusedError) as refused:
        _believed(publisher, tmp_path / "box")
    assert refused.value.reason == "freeze"


@pytest.mark.parametrize("leap", [-1 * DAY, 5000 * DAY])
def test_a_wrong_clock_signs_nothing(publisher: Publisher, leap: timedelta) -> None:
    publisher.moment = datetime.now(UTC) + leap
    before = publisher.repository.newest("timestamp").signed.version
    with pytest.raises(SettingsError, match="Set the clock"):
        publisher.refresh()
    assert publisher.repository.newest("timestamp").signed.version == before


def test_a_damaged_list_is_said(publisher: Publisher) -> None:
    (publisher.folder / "metadata" / "1.models.json").write_bytes(b"{")
    with pytest.raises(SettingsError, match="is damaged"):
        publisher.repository.newest("models")


def test_a_box_of_the_first_day_follows_all_changes_of_root(publisher: Publisher, tmp_path: Path) -> None:
    for _ in range(4):
        assert publisher.repository.change("root", _nothing, publisher.keys) == []
    assert checking.check(publisher.folder, publisher.root).faults == ()
    assert _believed(publisher, tmp_path / "box").releases == ()
