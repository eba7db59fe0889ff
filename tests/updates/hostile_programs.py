"""Lies about versions of Nisse itself: in the list of programs, in a record, and about what this box may take.

Owns: these cases. Does not know: how a lie is noticed, nor that root looks at all of it once more.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from provisioning.updates.news import News
from provisioning.updates.programs import choosing, rules
from provisioning.updates.programs.rules import Here
from provisioning.updates.refusals import RefusedError
from provisioning.updates.trust import Box
from tests.updates.hostile import ACCEPTED, Stage, case
from tests.updates.repository import program_of, target_path

_CONTENT = b"the program 0.5.1"
_HERE = Here(architecture="amd64", python="3.13", base="0.5.0", running="0.5.0")


def outcome(stage: Stage, here: Here = _HERE) -> str:
    """What becomes of the newest program; that models go on is part of it."""
    try:
        news = stage.metadata.refresh()
    except RefusedError as refused:
        return refused.reason
    if not news.releases:
        return "no models"
    return judged(news, stage, here)


def judged(news: News, stage: Stage, here: Here) -> str:
    if news.program_trouble:
        return news.program_trouble
    if news.refused_programs:
        return next(iter(news.refused_programs.values()))
    if not news.programs:
        return "none"
    newest = news.programs[0]
    box, when = Box(id="a box", memory=8000, agent=here.running), news.program_moment(stage.clock)
    reason = rules.unfit(newest, here) or choosing.judge(newest, box, when, delay=timedelta(0))
    return reason or ACCEPTED


def _with(stage: Stage, here: Here = _HERE, **changes: Any) -> str:
    stage.server.add_program("0.5.1", **changes)
    stage.server.publish()
    return outcome(stage, here)


def _with_record(stage: Stage, data: bytes) -> str:
    stage.server.add_program("0.5.1")
    stage.server.name_program("programs/amd64/nisse-0.5.1.json", data)
    stage.server.publish()
    return outcome(stage)


def _serve_record(stage: Stage, change: Any) -> str:
    """What becomes of a program whose record is changed behind the signatures."""
    data = json.dumps(stage.server.add_program("0.5.1")).encode()
    stage.server.publish()
    stage.server.files[target_path("programs/amd64/nisse-0.5.1.json", data)] = change(data)
    return outcome(stage)


@case(ACCEPTED)
def an_honest_program(stage: Stage) -> str:
    return _with(stage, notes="Schöner, 更好.")


@case("threshold")
def a_program_is_signed_by_who_signs_for_models(stage: Stage) -> str:
    stage.server.keys["programs"] = stage.server.keys["models"]
    return _with(stage)


@case("not_delegated")
def a_program_stands_in_the_list_of_models(stage: Stage) -> str:
    content = json.dumps(program_of("0.5.1", _CONTENT)).encode()
    stage.server.name("programs/amd64/nisse-0.5.1.json", content)
    stage.server.publish()
    return outcome(stage)


@case("not_delegated")
def the_list_of_programs_names_a_model(stage: Stage) -> str:
    stage.server.name_program("models/2/release.json", b"{}")
    return _with(stage)


@case("rollback")
def an_older_list_of_programs_comes_back_under_a_newer_snapshot(stage: Stage) -> str:
    _with(stage)
    stage.server.add_program("0.5.2")
    stage.server.publish()
    stage.believe()
    old = stage.server.programs.version - 2
    stage.server.programs.version = old
    stage.server.publish()
    return outcome(stage)


@case("rollback")
def the_list_of_programs_disappears(stage: Stage) -> str:
    _with(stage)
    del stage.server.snapshot.meta["programs.json"]
    data = stage.server._serve("snapshot", stage.server.snapshot)
    from tuf.api.metadata import MetaFile

    meta = MetaFile.from_data(stage.server.snapshot.version, data, ["sha256"])
    stage.server.timestamp.snapshot_meta = meta
    stage.server.publish_timestamp()
    return outcome(stage)


@case("expired")
def the_list_of_programs_has_ended(stage: Stage) -> str:
    stage.server.programs.expires = stage.clock - timedelta(hours=1)
    return _with(stage)


@case("mix_and_match")
def the_list_of_programs_is_changed_on_the_way(stage: Stage) -> str:
    stage.lie = lambda path, data: data.replace(b"0.5.1", b"9.5.1") if "programs.json" in path else data
    return _with(stage)


@case("endless_data")
def the_list_of_programs_never_ends(stage: Stage) -> str:
    stage.lie = lambda path, data: data + bytes(4 << 20) if "programs.json" in path else data
    return _with(stage)


@case("incomplete")
def the_list_of_programs_is_missing(stage: Stage) -> str:
    stage.server.add_program("0.5.1")
    stage.server.publish()
    for path in [path for path in stage.server.files if path.endswith(".programs.json")]:
        del stage.server.files[path]
    return outcome(stage)


@case("wrong_hash")
def a_programs_record_is_changed_behind_the_signatures(stage: Stage) -> str:
    return _serve_record(stage, lambda data: data.replace(b"amd64", b"amd46"))


@case("wrong_length")
def a_programs_record_is_cut_short(stage: Stage) -> str:
    return _serve_record(stage, lambda data: data[:-2])


@case("endless_data")
def a_programs_record_is_signed_with_a_gigabyte(stage: Stage) -> str:
    stage.server.add_program("0.5.1")
    stage.server.programs.targets["programs/amd64/nisse-0.5.1.json"].length = 1 << 30
    stage.server.publish()
    return outcome(stage)


@case("mix_and_match")
def a_programs_record_names_another_file(stage: Stage) -> str:
    return _with(stage, sha256="0" * 64)


@case("mix_and_match")
def the_record_of_an_old_program_is_signed_as_a_new_one(stage: Stage) -> str:
    return _with_record(stage, json.dumps(program_of("0.4.0", _CONTENT)).encode())


@case("mix_and_match")
def a_program_for_one_machine_is_signed_for_another(stage: Stage) -> str:
    return _with(stage, architecture="arm64")


@case("malformed")
def a_programs_version_reaches_out_of_its_folder(stage: Stage) -> str:
    return _with(stage, version="../../etc/passwd")


@case("malformed")
def a_program_is_larger_than_any_disk(stage: Stage) -> str:
    return _with(stage, size=1 << 60)


@case("malformed")
def a_programs_record_is_of_a_later_format(stage: Stage) -> str:
    return _with(stage, format=2)


@case(ACCEPTED)
def a_programs_record_says_more_than_this_box_knows(stage: Stage) -> str:
    return _with(stage, of_the_year_2030={"and": ["so", "on"]})


@case("malformed")
def a_programs_record_nests_without_end(stage: Stage) -> str:
    return _with_record(stage, b"[" * 50_000)


@case("malformed")
def a_programs_roll_out_is_true(stage: Stage) -> str:
    return _with(stage, rollout={"percent": True})


@case("yanked")
def a_program_that_was_taken_back(stage: Stage) -> str:
    return _with(stage, yanked="It loses letters.")


@case("old_program")
def a_program_that_runs_already(stage: Stage) -> str:
    return _with(stage, Here(architecture="amd64", python="3.13", base="0.5.0", running="0.5.1"))


@case("below_floor")
def a_program_older_than_one_that_was_kept(stage: Stage) -> str:
    return _with(stage, Here(architecture="amd64", python="3.13", base="0.5.0", running="0.5.0", floor="0.6"))


@case("no_way_back")
def a_program_from_which_this_box_could_not_go_back(stage: Stage) -> str:
    return _with(stage, readable_by="0.5.1")


@case("too_far")
def a_program_that_cannot_read_what_this_box_has(stage: Stage) -> str:
    return _with(stage, reads="0.5.1")


@case("old_system")
def a_program_for_a_newer_system(stage: Stage) -> str:
    return _with(stage, needs_system="0.6")


@case("other_python")
def a_program_for_another_python(stage: Stage) -> str:
    return _with(stage, python="3.14")


@case("known_bad")
def a_program_that_did_not_do_well_here(stage: Stage) -> str:
    sha256 = program_of("0.5.1", _CONTENT)["sha256"]
    here = Here(
        architecture="amd64", python="3.13", base="0.5.0", running="0.5.0", refused=frozenset({sha256})
    )
    return _with(stage, here)


@case("other_boxes_first")
def a_program_for_no_box_yet(stage: Stage) -> str:
    return _with(stage, rollout={"percent": 0})


@case("clock")
def a_program_while_the_clock_says_1970(stage: Stage) -> str:
    stage.server.add_program("0.5.1")
    stage.server.publish()
    stage.believe()
    stage.clock = stage.clock.replace(year=1970)
    return outcome(stage)
