"""A release's record: what is written can be read, and whatever else comes is refused as malformed."""

from __future__ import annotations

import contextlib
import json
import random
from datetime import UTC, datetime
from typing import Any

import pytest

from agent.models import recorded
from provisioning.updates import release as released
from provisioning.updates.refusals import RefusedError
from provisioning.updates.release import Limits, Probe, Release, Rollout
from tests.updates.repository import record_of

WHEN = datetime(2026, 11, 21, tzinfo=UTC)


def a_release(**changes: Any) -> Release:
    model = recorded.from_json(record_of(3, b"weights")["model"])
    return Release(**{"seq": 3, "model": model, "version": "1.0", **changes})


def _row(**changes: Any) -> bytes:
    return json.dumps({**a_release().to_json(), **changes}).encode()


def _refused(data: bytes) -> str:
    with pytest.raises(RefusedError) as refused:
        released.read(data)
    assert refused.value.reason == "malformed"
    return refused.value.detail


def test_a_record_comes_back_as_it_was() -> None:
    release = a_release(
        published=WHEN,
        notes="Better.",
        rollout=Rollout(percent=10, salt="x", not_before=WHEN, critical=True),
        probes=(Probe(prompt="2 + 2?", must_match=("4", "four")),),
        limits=Limits(max_first_token_s=2.5, minimum_speed=0.9, max_rss_mb=900),
        security_floor=2,
    )
    assert released.read(release.to_bytes()) == release
    assert released.from_json(json.loads(json.dumps(release.to_json()))) == release


def test_the_same_release_is_always_the_same_bytes() -> None:
    assert a_release().to_bytes() == a_release().to_bytes()


def test_files_say_where_they_are() -> None:
    (file,) = a_release().files
    assert (file.target, file.chunks) == ("models/3/model.gguf", "models/3/model.gguf.chunks")


@pytest.mark.parametrize(
    "change",
    [
        {"seq": 0},
        {"seq": -1},
        {"seq": True},
        {"seq": 1 << 40},
        {"seq": "3"},
        {"version": "newest"},
        {"min_agent": "1..2"},
        {"notes": 5},
        {"notes": "x" * 30_000},
        {"notes": "a\x00b"},
        {"published": "yesterday"},
        {"published": "2026-13-45T00:00:00Z"},
        {"rollout": {"percent": 101}},
        {"rollout": {"percent": 1.5}},
        {"rollout": []},
        {"rollout": {"not_before": "2026-12-01T00:00:00Z", "not_after": "2026-11-01T00:00:00Z"}},
        {"rollout": {"king": 1}},
        {"limits": {"max_rss_mb": -1}},
        {"limits": {"minimum_speed": 1e308}},
        {"probes": {}},
        {"probes": [{"prompt": ""}]},
        {"probes": [{"prompt": "a", "must_match": ["("]}]},
        {"probes": [{"prompt": "a", "must_match": "b"}]},
        {"probes": [{"prompt": "a", "must_match": ["b"], "near": "c"}]},
        {"probes": [{"prompt": "a", "must_match": ["b"]}] * 100},
        {"min_ram_mb": 9000, "max_ram_mb": 100},
        {"security_floor": 4},
        {"model": None},
        {"surprise": 1},
        {"format": 2},
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(change: dict[str, Any]) -> None:
    _refused(_row(**change))


def test_an_embedders_probe_compares_three_texts() -> None:
    model = record_of(3, b"weights")["model"] | {
        "role": "embed",
        "shape": record_of(3, b"w")["model"]["shape"],
    }
    good = {"prompt": "the cat", "near": "a kitten", "far": "the tax office"}
    assert released.read(_row(model=model, probes=[good])).probes[0].near == "a kitten"
    _refused(_row(model=model, probes=[{"prompt": "the cat", "must_match": ["x"]}]))


def test_no_change_of_a_byte_is_more_than_refused() -> None:
    sound = a_release(notes="Better.").to_bytes()
    chance = random.Random(3)
    for _ in range(400):
        data = bytearray(sound)
        data[chance.randrange(len(data))] = chance.randrange(256)
        with contextlib.suppress(RefusedError):
            assert released.read(bytes(data)).seq < 1000


def test_a_record_of_megabytes_is_not_even_read() -> None:
    assert "bytes" in _refused(b" " * (1 << 20))
