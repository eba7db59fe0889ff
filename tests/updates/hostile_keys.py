"""Lies about keys: strangers, too few, replaced ones, and roots that do not follow each other; and sticks with old lists.

Owns: these cases. Does not know: how a lie is noticed.
"""

from __future__ import annotations

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import MetaFile

from tests.updates.hostile import ACCEPTED, Stage, case
from tests.updates.hostile_lists import publish_second, sign_snapshot

_STICK = "file:///stick"


# Keys and thresholds


@case("threshold")
def a_list_is_signed_by_a_stranger(stage: Stage) -> str:
    stage.server.keys["models"] = [CryptoSigner.generate_ed25519()]
    publish_second(stage)
    return stage.outcome()


@case("threshold")
def a_timestamp_is_not_signed(stage: Stage) -> str:
    stage.server.files["metadata/timestamp.json"] = stage.server.signed(
        "timestamp", stage.server.timestamp, by=[]
    )
    return stage.outcome()


@case("threshold")
def a_signed_list_is_changed_afterwards(stage: Stage) -> str:
    data = stage.server.files["metadata/timestamp.json"]
    stage.server.files["metadata/timestamp.json"] = data.replace(b'"version":3', b'"version":9').replace(
        b'"version":2', b'"version":9'
    )
    return stage.outcome()


@case("threshold")
def one_of_two_signs_the_list_of_models(stage: Stage) -> str:
    stage.server.rotate("models", count=2, threshold=2)
    stage.server.keys["models"] = stage.server.keys["models"][:1]
    stage.server.publish()
    return stage.outcome()


@case("malformed")
def one_of_two_signs_the_list_of_models_twice(stage: Stage) -> str:
    stage.server.rotate("models", count=2, threshold=2)
    key = stage.server.keys["models"][0]
    stage.server.keys["models"] = [key]
    publish_second(stage)
    path = f"metadata/{stage.server.models.version - 1}.models.json"
    data = stage.server.files[path]
    begin, end = data.index(b"[{"), data.index(b"}]")
    signature = data[begin + 1 : end + 1]
    doubled = data.replace(signature, signature + b"," + signature)
    stage.server.files[path] = doubled
    stage.server.snapshot.version += 1
    stage.server.snapshot.meta["models.json"] = MetaFile.from_data(
        stage.server.models.version - 1, doubled, ["sha256"]
    )
    sign_snapshot(stage)
    return stage.outcome()


@case("threshold")
def a_new_root_is_signed_by_its_own_keys_alone(stage: Stage) -> str:
    new = [CryptoSigner.generate_ed25519()]
    stage.server.root.revoke_key(stage.server.keys["root"][0].public_key.keyid, "root")
    stage.server.root.add_key(new[0].public_key, "root")
    stage.server.files["metadata/2.root.json"] = stage.server.signed("root", stage.server.root, by=new)
    return stage.outcome()


@case("threshold")
def a_new_root_is_signed_by_the_old_keys_alone(stage: Stage) -> str:
    old = list(stage.server.keys["root"])
    stage.server.rotate("root", by=old)
    return stage.outcome()


@case("threshold")
def a_key_that_was_replaced_signs_once_more(stage: Stage) -> str:
    stolen = stage.server.keys["timestamp"]
    stage.believe()
    stage.server.rotate("timestamp")
    stage.server.publish()
    stage.believe()
    stage.server.keys["timestamp"] = stolen
    stage.server.publish_timestamp()
    return stage.outcome()


@case("threshold")
def one_of_three_signs_a_root_that_needs_two(stage: Stage) -> str:
    stage.server.rotate("root", count=3, threshold=2)
    stage.believe()
    stage.server.root.expires = stage.server.root.expires.replace(year=2031)
    one = stage.server.keys["root"][:1]
    stage.server.files["metadata/3.root.json"] = stage.server.signed("root", stage.server.root, by=one)
    return stage.outcome()


@case(ACCEPTED)
def a_box_with_the_first_root_follows_five_changes_of_keys(stage: Stage) -> str:
    for role in ("root", "timestamp", "root", "snapshot", "targets"):
        stage.server.rotate(role)
    publish_second(stage)
    return stage.outcome()


@case(ACCEPTED)
def a_thief_who_counted_out_of_reach_is_forgotten_with_his_key(stage: Stage) -> str:
    stage.server.timestamp.version = 2**31
    stage.server.publish_timestamp()
    stage.believe()
    stage.server.timestamp.version = 10
    stage.server.rotate("timestamp")
    stage.server.publish()
    return stage.outcome()


@case("not_delegated")
def the_role_for_models_signs_for_something_else(stage: Stage) -> str:
    stage.server.name("programs/nisse.py", b"import os")
    stage.server.publish()
    return stage.outcome()


@case("no_root")
def the_boxs_own_root_is_damaged(stage: Stage) -> str:
    stage.root = stage.root.replace(b'"version":1', b'"version":2')
    stage.metadata = stage.box("another")
    return stage.outcome()


# A stick


@case(ACCEPTED)
def a_stick_that_was_written_last_month_is_taken_when_the_owner_asks(stage: Stage) -> str:
    stage.clock, stage.address = stage.clock.replace(month=12, day=30), _STICK
    return stage.outcome(relaxed=True)


@case("freeze")
def a_stick_that_was_written_last_month_is_not_taken_by_itself(stage: Stage) -> str:
    stage.clock, stage.address = stage.clock.replace(month=12, day=30), _STICK
    return stage.outcome()


@case("freeze")
def a_server_that_holds_news_back_gains_nothing_by_an_owner_with_an_old_stick(stage: Stage) -> str:
    stage.clock = stage.clock.replace(month=12, day=30)
    return stage.outcome(relaxed=True)


@case("rollback")
def a_stick_that_is_older_than_what_was_seen_is_not_taken_even_then(stage: Stage) -> str:
    old = dict(stage.server.files)
    publish_second(stage)
    stage.believe()
    stage.server.files, stage.address = old, _STICK
    return stage.outcome(relaxed=True)
