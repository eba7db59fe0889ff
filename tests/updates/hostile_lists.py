"""Lies about the signed lists: old ones, held-back ones and mixed ones.

Owns: these cases. Does not know: how a lie is noticed.
"""

from __future__ import annotations

import shutil
from datetime import timedelta

from tuf.api.metadata import Metadata, MetaFile

from tests.updates.hostile import ACCEPTED, Stage, at, case


def _replayed(stage: Stage, *names: str) -> dict[str, bytes]:
    """What the server says now, to say it again later."""
    return {name: stage.server.files[f"metadata/{name}"] for name in names}


def _say(stage: Stage, files: dict[str, bytes]) -> None:
    stage.server.files |= {f"metadata/{name}": data for name, data in files.items()}


def publish_second(stage: Stage) -> None:
    """The publisher has something new."""
    stage.server.add_model(2)
    stage.server.publish()


# Rollback


@case("rollback")
def an_older_timestamp_is_served_again(stage: Stage) -> str:
    old = _replayed(stage, "timestamp.json")
    publish_second(stage)
    stage.believe()
    _say(stage, old)
    return stage.outcome()


@case("rollback")
def an_older_timestamp_is_served_to_a_box_that_lost_its_list(stage: Stage) -> str:
    old = _replayed(stage, "timestamp.json")
    publish_second(stage)
    stage.believe()
    _say(stage, old)
    for path in (stage.folder / "box").iterdir():
        if path.name not in ("seen.json", ".lock"):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    return stage.outcome()


@case("rollback")
def an_older_timestamp_is_served_after_a_newer_whose_other_lists_were_held_back(stage: Stage) -> str:
    stage.believe()
    old = dict(stage.server.files)
    publish_second(stage)
    newest = stage.server.snapshot.version - 1
    del stage.server.files[f"metadata/{newest}.snapshot.json"]
    if stage.outcome() != "incomplete":
        return "the lists were not held back"
    stage.server.files = old
    return stage.outcome()


@case("rollback")
def a_stolen_timestamp_key_names_an_older_snapshot(stage: Stage) -> str:
    old = stage.server.timestamp.snapshot_meta
    publish_second(stage)
    stage.believe()
    stage.server.timestamp.snapshot_meta = old
    stage.server.publish_timestamp()
    return stage.outcome()


@case("rollback")
def a_stolen_snapshot_key_names_an_older_list_of_models(stage: Stage) -> str:
    publish_second(stage)
    old = stage.server.snapshot.meta["models.json"]
    publish_second(stage)
    stage.believe()
    stage.server.publish()
    stage.server.snapshot.meta["models.json"] = old
    sign_snapshot(stage)
    return stage.outcome()


@case("rollback")
def a_stolen_snapshot_key_leaves_the_list_of_models_out(stage: Stage) -> str:
    stage.believe()
    stage.server.snapshot.version += 1
    del stage.server.snapshot.meta["models.json"]
    sign_snapshot(stage)
    return stage.outcome()


@case("rollback")
def newer_keys_are_held_back_from_a_box_that_lost_its_list(stage: Stage) -> str:
    stolen, old = list(stage.server.keys["timestamp"]), dict(stage.server.files)
    stage.server.rotate("timestamp")
    stage.server.publish()
    stage.believe()
    shutil.rmtree((stage.folder / "box" / "current").resolve())
    # The thief has a key that was replaced, and shows a world in which it was not.
    timestamp = Metadata.from_bytes(old["metadata/timestamp.json"]).signed
    timestamp.version = 1000
    old["metadata/timestamp.json"] = stage.server.signed("timestamp", timestamp, by=stolen)
    stage.server.files = old
    return stage.outcome()


@case("rollback")
def a_root_skips_a_version(stage: Stage) -> str:
    stage.server.root.version = 3
    stage.server.files["metadata/2.root.json"] = stage.server.signed("root", stage.server.root)
    return stage.outcome()


def sign_snapshot(stage: Stage) -> None:
    """Signs snapshot and timestamp alone, as who has only their keys."""
    server = stage.server
    data = server._serve("snapshot", server.snapshot)
    server.timestamp.snapshot_meta = MetaFile.from_data(server.snapshot.version, data, ["sha256"])
    server.publish_timestamp()


# Freeze


@case("freeze")
def nothing_new_is_shown_for_three_days(stage: Stage) -> str:
    stage.believe()
    stage.clock = stage.clock.replace(day=stage.clock.day + 3)
    return stage.outcome()


@case("freeze")
def a_new_timestamp_names_a_snapshot_that_has_ended(stage: Stage) -> str:
    stage.believe()
    stage.later(days=8)
    stage.server.timestamp.expires = stage.clock.replace(year=2027)
    stage.server.publish_timestamp()
    return stage.outcome()


@case("clock")
def nothing_new_is_shown_to_a_box_whose_clock_says_1970(stage: Stage) -> str:
    stage.believe()
    stage.clock = at(1970)
    return stage.outcome()


@case("clock")
def a_new_box_whose_clock_says_1970_asks_for_the_first_time(stage: Stage) -> str:
    stage.clock = at(1970)
    return stage.outcome()


@case("expired")
def a_list_that_has_ended_is_shown_to_a_box_whose_clock_says_1970(stage: Stage) -> str:
    stage.server.models.expires = stage.clock + timedelta(days=20)
    stage.server.publish()
    stage.believe()
    # A thief has the keys of snapshot and timestamp, but not the one that signs for models.
    stage.later(days=40)
    stage.server.snapshot.expires = stage.server.timestamp.expires = stage.clock + timedelta(days=5)
    sign_snapshot(stage)
    stage.clock = at(1970)
    return stage.outcome()


@case("freeze", "expired")
def a_clock_that_says_2099_takes_nothing(stage: Stage) -> str:
    stage.clock = at(2099)
    return stage.outcome()


@case(ACCEPTED)
def a_clock_that_said_2099_and_is_right_again(stage: Stage) -> str:
    stage.believe()
    stage.clock = at(2099)
    stage.outcome()
    stage.clock = stage.server.now
    return stage.outcome()


@case("expired")
def the_keys_have_ended(stage: Stage) -> str:
    stage.server.timestamp.expires = stage.server.snapshot.expires = stage.clock.replace(year=2099)
    stage.later(days=366)
    stage.server.publish()
    return stage.outcome()


@case("expired")
def the_list_of_models_has_ended(stage: Stage) -> str:
    stage.server.models.expires = stage.clock.replace(day=20)
    stage.server.publish()
    return stage.outcome()


@case("expired")
def the_list_of_who_may_sign_has_ended(stage: Stage) -> str:
    stage.server.targets.expires = stage.clock.replace(day=20)
    stage.server.publish()
    return stage.outcome()


@case("malformed")
def a_list_says_that_it_was_signed_after_its_end(stage: Stage) -> str:
    stage.server.now = at(2098)
    stage.server.publish_timestamp()
    return stage.outcome()


# Mix and match


@case("mix_and_match")
def the_list_of_models_is_another_of_the_same_version(stage: Stage) -> str:
    version = stage.server.models.version
    publish_second(stage)
    stage.server.models.version = version
    stage.server.models.expires = stage.server.models.expires.replace(year=2030)
    stage.server._serve("models", stage.server.models)
    return stage.outcome()


@case("mix_and_match")
def the_snapshot_is_another_than_the_timestamp_names(stage: Stage) -> str:
    version = stage.server.snapshot.version
    publish_second(stage)
    stage.server.snapshot.version = version
    stage.server.snapshot.expires = stage.server.snapshot.expires.replace(year=2030)
    stage.server._serve("snapshot", stage.server.snapshot)
    return stage.outcome()


@case("mix_and_match")
def an_older_list_of_models_bears_the_newer_ones_name(stage: Stage) -> str:
    old = stage.server.files[f"metadata/{stage.server.models.version - 1}.models.json"]
    publish_second(stage)
    stage.server.files[f"metadata/{stage.server.models.version - 1}.models.json"] = old
    return stage.outcome()


@case("mix_and_match")
def a_snapshot_without_hashes_names_another_version_than_is_served(stage: Stage) -> str:
    stage.server.snapshot.version += 1
    stage.server.snapshot.meta["models.json"] = MetaFile(version=stage.server.models.version + 5)
    old = stage.server.files[f"metadata/{stage.server.models.version - 1}.models.json"]
    stage.server.files[f"metadata/{stage.server.models.version + 5}.models.json"] = old
    sign_snapshot(stage)
    return stage.outcome()
