"""Lies in a release's own record: other files than were signed, names that reach elsewhere, and releases this box must not take.

Owns: these cases. Does not know: how a lie is noticed.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from tests.updates.hostile import ACCEPTED, Stage, case, judged
from tests.updates.repository import record_of, target_path

_CONTENT = b"the weights of 2"


def _with(stage: Stage, **changes: Any) -> str:
    """What becomes of a second release with a changed record."""
    stage.server.add_model(2, content=_CONTENT, **changes)
    stage.server.publish()
    return stage.outcome()


def _with_model(stage: Stage, **changes: Any) -> str:
    return _with(stage, model=record_of(2, _CONTENT)["model"] | changes)


def _with_record(stage: Stage, data: bytes) -> str:
    """What becomes of a second release whose record is these bytes."""
    stage.server.add_model(2, content=_CONTENT)
    stage.server.name("models/2/release.json", data)
    stage.server.publish()
    return stage.outcome()


def _serve_record(stage: Stage, change: Any) -> str:
    """What becomes of a second release whose record is changed behind the signatures."""
    record = stage.server.add_model(2, content=_CONTENT)
    stage.server.publish()
    data = json.dumps(record).encode()
    stage.server.files[target_path("models/2/release.json", data)] = change(data)
    return stage.outcome()


@case("wrong_hash")
def a_record_is_changed_behind_the_signatures(stage: Stage) -> str:
    return _serve_record(stage, lambda data: data.replace(b"Model 2", b"Model X"))


@case("wrong_length")
def a_record_is_cut_short(stage: Stage) -> str:
    return _serve_record(stage, lambda data: data[:-2])


@case("endless_data")
def a_record_has_something_appended(stage: Stage) -> str:
    return _serve_record(stage, lambda data: data + b" ")


@case("endless_data")
def a_record_is_signed_with_a_gigabyte(stage: Stage) -> str:
    stage.server.add_model(2, content=_CONTENT)
    stage.server.models.targets["models/2/release.json"].length = 1 << 30
    stage.server.publish()
    return stage.outcome()


@case("mix_and_match")
def a_record_names_another_file_than_the_list(stage: Stage) -> str:
    return _with_model(stage, files=record_of(2, b"other weights...")["model"]["files"])


@case("mix_and_match")
def a_record_is_another_releases(stage: Stage) -> str:
    return _with_record(stage, json.dumps(record_of(2, _CONTENT) | {"seq": 7}).encode())


@case("mix_and_match")
def the_record_of_an_older_release_is_signed_as_a_newer_one(stage: Stage) -> str:
    stage.server.name("models/9/release.json", json.dumps(stage.server.add_model(1)).encode())
    stage.server.publish()
    return stage.outcome()


@case("mix_and_match")
def a_record_names_a_file_that_nobody_signed(stage: Stage) -> str:
    files = record_of(2, _CONTENT)["model"]["files"]
    return _with_model(stage, files=[*files, files[0] | {"name": "more.gguf"}])


@case("malformed")
def a_file_of_a_model_reaches_out_of_its_folder(stage: Stage) -> str:
    return _with_model(
        stage, files=[record_of(2, _CONTENT)["model"]["files"][0] | {"name": "../../nisse.toml"}]
    )


@case("malformed")
def a_model_is_called_like_the_folder_of_all_files(stage: Stage) -> str:
    return _with_model(stage, name="blobs")


@case("malformed")
def a_model_is_called_like_the_folder_above(stage: Stage) -> str:
    return _with_model(stage, name="..")


@case("malformed")
def a_model_brings_a_program(stage: Stage) -> str:
    files = record_of(2, _CONTENT)["model"]["files"]
    return _with_model(stage, files=[*files, files[0] | {"name": "setup.py"}])


@case("malformed")
def a_model_brings_its_own_record_of_having_been_verified(stage: Stage) -> str:
    files = record_of(2, _CONTENT)["model"]["files"]
    return _with_model(stage, files=[*files, files[0] | {"name": "model.gguf.verified"}])


@case("malformed")
def a_chat_model_is_none(stage: Stage) -> str:
    return _with_model(stage, files=[record_of(2, _CONTENT)["model"]["files"][0] | {"name": "model.onnx"}])


@case("malformed")
def a_model_says_that_it_is_larger_than_any_disk(stage: Stage) -> str:
    return _with_model(stage, files=[record_of(2, _CONTENT)["model"]["files"][0] | {"size": 1 << 80}])


@case("malformed")
def a_probe_accepts_any_answer(stage: Stage) -> str:
    return _with(stage, probes=[{"prompt": "What is 2 + 2?", "must_match": []}])


@case("malformed")
def a_probes_pattern_is_none(stage: Stage) -> str:
    return _with(stage, probes=[{"prompt": "What is 2 + 2?", "must_match": ["(("]}])


@case("malformed")
def a_floor_lies_above_its_own_release(stage: Stage) -> str:
    return _with(stage, security_floor=99)


@case("malformed")
def a_limit_is_not_a_number(stage: Stage) -> str:
    record = record_of(2, _CONTENT) | {"limits": {"minimum_speed": float("nan")}}
    return _with_record(stage, json.dumps(record).encode())


@case("malformed")
def a_record_is_of_a_later_format(stage: Stage) -> str:
    return _with(stage, format=2)


@case("malformed")
def a_record_nests_without_end(stage: Stage) -> str:
    return _with_record(stage, b"[" * 100_000)


@case("malformed")
def a_record_is_a_log_in_page(stage: Stage) -> str:
    return _with_record(stage, b"<html>Please accept our terms.</html>")


@case("malformed")
def a_signed_list_is_a_log_in_page(stage: Stage) -> str:
    stage.lie = lambda _path, _data: b"<html>Please accept our terms.</html>"
    return stage.outcome()


@case("yanked")
def a_release_that_was_taken_back(stage: Stage) -> str:
    return _with(stage, yanked="It forgets names.")


@case("security_floor")
def an_older_release_below_the_floor(stage: Stage) -> str:
    stage.server.add_model(5, security_floor=5)
    stage.server.publish()
    stage.believe()
    # A stolen key for models takes the newer one out of the list again.
    for path in [path for path in stage.server.models.targets if path.startswith("models/5/")]:
        del stage.server.models.targets[path]
    return _with(stage)


@case("not_newer")
def a_release_that_serves_already(stage: Stage) -> str:
    stage.server.publish()
    return judged(stage.believe(), serving=1)


@case("other_boxes_first")
def a_release_for_no_box_yet(stage: Stage) -> str:
    return _with(stage, rollout={"percent": 0})


@case("one_day")
def a_release_of_this_hour(stage: Stage) -> str:
    stage.server.add_model(2, published=stage.clock.strftime("%Y-%m-%dT%H:%M:%SZ"))
    stage.server.publish()
    return judged(stage.believe(), delay=timedelta(days=1))


@case(ACCEPTED)
def a_release_with_notes_in_every_script(stage: Stage) -> str:
    return _with(stage, notes="Schöner, 更好, أفضل.\nSecond line.")
