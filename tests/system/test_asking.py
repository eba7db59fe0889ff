"""The portal asks root for the system: installed is only what is on a stick, signed, for this board and newer, and nothing else changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent import durable
from provisioning.box.places import UPDATES
from provisioning.programs.state import Book, Candidate, State
from tests.programs.conftest import program

from .conftest import DAMAGED, RUNNING, STRANGER, Box


def test_a_newer_one_is_offered_installed_and_waits_for_its_restart(box: Box) -> None:
    path = box.brings()
    status = box.asks("system-status")
    assert (status["running"], status["second_slot"], status["last"]["state"]) == (RUNNING, True, "idle")
    (offer,) = status["bundles"]
    assert (offer["version"], offer["size"], offer["refusal"]) == ("0.7.0", 5_000, "")
    assert box.installs(path) == {"ok": True, "version": "0.7.0"}
    assert box.last()["state"] == "installing"
    assert "0.7.0 is being installed" in box.last()["sentence"]
    assert not box.system.called("rauc install")
    box.goes_on()
    assert box.system.called("rauc install") == [f"rauc install {path}"]
    assert box.last()["state"] == "installed"
    assert "three starts" in box.last()["sentence"]


def test_it_is_verified_against_the_boxs_own_keyring(box: Box) -> None:
    box.installs(box.brings())
    (asked,) = box.system.called("rauc info")
    assert f"--keyring={box.places.root}/etc/rauc/keyring.pem" in asked
    assert "--no-verify" not in asked


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"version": RUNNING}, "runs already"),
        ({"version": "0.6.3.0"}, "runs already"),
        ({"version": "0.6.2"}, "no step back"),
        ({"version": "0.10.0", "compatible": "nisse-rpi"}, "another kind of box"),
        ({"version": "$(reboot)"}, "does not say which version"),
    ],
)
def test_what_is_not_for_this_box_is_refused_in_words_and_not_installed(
    box: Box, told: dict[str, str], why: str
) -> None:
    path = box.brings("some.raucb", **told)
    assert why in box.offers()["some.raucb"]
    assert why in box.installs(path)["error"]["message"]
    assert not box.later


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (STRANGER, "not signed"),
        (DAMAGED, "damaged"),
        ("no json", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"compatible": null, "version": "1"}', "does not say"),
    ],
)
def test_what_a_stranger_signed_is_refused_without_raucs_words(box: Box, said: str, why: str) -> None:
    path = box.brings()
    box.described[str(path)] = said
    assert why in box.offers()[path.name]
    message = box.installs(path)["error"]["message"]
    assert why in message
    assert "rauc" not in message.lower()
    assert "Verify error" not in message
    assert not box.later


@pytest.mark.parametrize("asked", [None, 7, "", "/etc/passwd", "elsewhere", "../STICK/nisse-pc-0.7.0.raucb"])
def test_no_other_file_is_given_to_rauc(box: Box, asked: object, tmp_path: Path) -> None:
    stick = box.brings().parent
    if asked == "elsewhere":
        (tmp_path / "own.raucb").write_bytes(bytes(5_000))
        asked = str(tmp_path / "own.raucb")
    elif asked == "../STICK/nisse-pc-0.7.0.raucb":
        asked = str(stick / asked)
    assert box.asks("system-install", path=asked)["error"]["code"] in ("invalid_request", "not_found")
    assert not box.system.calls
    assert not box.later


def test_while_one_is_installed_and_after_that_no_other_is_taken(box: Box) -> None:
    path, other = box.brings(), box.brings("nisse-pc-0.8.0.raucb", "0.8.0")
    box.installs(path)
    assert box.installs(other)["error"]["code"] == "conflict"
    box.goes_on()
    assert "installed already" in box.installs(other)["error"]["message"]
    assert box.offers() == {}
    assert len(box.system.called("rauc install")) == 1


def test_a_failure_is_told_in_our_words_and_may_be_tried_again(box: Box) -> None:
    path = box.brings()
    box.system.fails("rauc install", "Failed mounting bundle: I/O error")
    box.installs(path)
    box.goes_on()
    last = box.last()
    assert last["state"] == "failed"
    assert "could not be installed" in last["sentence"]
    assert "I/O" not in last["sentence"]
    assert box.offers() == {path.name: ""}
    box.system.says("rauc install", "succeeded")
    assert box.installs(path)["ok"]
    box.goes_on()
    assert box.last()["state"] == "installed"


def test_without_a_second_slot_nothing_is_offered_or_taken(box: Box) -> None:
    path = box.brings()
    (box.places.run / "disk/root_b").unlink()
    assert box.asks("system-status")["second_slot"] is False
    assert box.offers() == {}
    assert "no room" in box.installs(path)["error"]["message"]


def test_a_slot_on_trial_does_not_overwrite_the_one_to_go_back_to(box: Box) -> None:
    path = box.brings()
    box.starts("b", good="A", boot="second")
    assert "not found well yet" in box.installs(path)["error"]["message"]
    box.starts("b", good="B", boot="second")
    assert box.installs(path)["ok"]


def test_while_a_program_or_a_model_is_tried_the_system_stays(box: Box) -> None:
    path = box.brings()
    Book(box.places).write(State(candidate=Candidate(program=program("0.6.4"))))
    assert "0.6.4 of Nisse is being tried" in box.installs(path)["error"]["message"]
    Book(box.places).write(State())
    state = box.places.home / "models/updates/state.json"
    durable.write_sealed(state, {"state": "trial"})
    assert "model is being tried" in box.installs(path)["error"]["message"]
    durable.write_sealed(state, {"state": "probation"})
    assert box.installs(path)["ok"]


@pytest.mark.parametrize("content", ["", "[]", '{"sealed": 7}', "{" * 100_000])
def test_whatever_updates_lays_down_root_goes_on(box: Box, content: str) -> None:
    state = box.places.home / "models/updates/state.json"
    state.parent.mkdir(parents=True)
    state.write_text(content)
    assert box.installs(box.brings())["ok"]


def test_updates_may_neither_ask_nor_install(box: Box) -> None:
    path = box.brings()
    for verb in ("system-status", "system-install"):
        assert box.asks(verb, UPDATES, path=str(path))["error"]["code"] == "forbidden"
    assert not box.system.calls


def test_a_bundle_is_looked_into_once_and_a_changed_one_again(box: Box) -> None:
    path = box.brings()
    box.offers()
    box.offers()
    assert len(box.system.called("rauc info")) == 1
    path.write_bytes(bytes(6_000))
    box.described[str(path)] = json.dumps({"compatible": "nisse-pc", "version": "0.1"})
    assert "no step back" in box.offers()[path.name]


def test_how_it_ended_is_told_after_the_restart(box: Box) -> None:
    box.installs(box.brings())
    box.goes_on()
    box.starts("b", good="A", boot="second")
    assert box.last()["state"] == "trying"
    box.starts("b", good="B", boot="second")
    assert box.last()["sentence"] == "The system is now 0.7.0."
    box.starts("a", good="A", boot="fifth")
    assert box.last()["state"] == "gone_back"
    assert "did not do well" in box.last()["sentence"]


def test_a_plug_that_was_pulled_in_the_midst_is_told(box: Box) -> None:
    path = box.brings()
    box.installs(path)
    box.helper_ends()
    assert box.last()["state"] == "failed", "the helper ended, and nobody knows how far it was"
    box.starts("a", good="A", boot="second")
    assert "broken off" in box.last()["sentence"]
    assert box.offers() == {path.name: ""}
    box.installs(path)
    box.starts("b", good="B", boot="third")
    assert box.last()["state"] == "kept", "RAUC was done, and only the record was not"


def test_an_old_failure_is_not_told_for_ever(box: Box) -> None:
    box.system.fails("rauc install")
    box.installs(box.brings())
    box.goes_on()
    box.starts("a", good="A", boot="second")
    assert box.last()["state"] == "idle"
    assert box.last()["sentence"] == ""


@pytest.mark.parametrize("row", [{}, {"state": "installed"}, {"state": 7}])
def test_a_torn_record_says_nothing(box: Box, row: dict[str, object]) -> None:
    durable.write_sealed(box.places.shared / "system.json", row)
    assert box.last()["state"] == "idle"
    (box.places.shared / "system.json").write_text("{")
    assert box.last()["state"] == "idle"
