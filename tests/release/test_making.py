"""Publishing a model: all that can be computed is computed, and boxes believe it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import ConflictError, ModelError, NotFoundError, SettingsError
from agent.models.shelf import sha256
from provisioning.release import changing, checking, making
from provisioning.updates import chunks, first_root
from provisioning.updates.metadata import Metadata
from provisioning.updates.refusals import RefusedError
from tests.fakes import gguf
from tests.fakes.file_server import FileServer
from tests.release.publishing import PROBE, Publisher


def _believed(publisher: Publisher, box: Path) -> tuple[int, ...]:
    news = Metadata(box, publisher.root, lambda: [publisher.url]).refresh()
    assert news.refused == {}
    return tuple(release.seq for release in news.releases)


def test_a_release_is_described_by_its_file(publisher: Publisher, model: Path, tmp_path: Path) -> None:
    release = publisher.add(model, version="2.0", notes="Better.")
    assert (release.seq, release.role, release.notes) == (1, "chat", "Better.")
    assert release.model.name == "small-model-v2.0"
    assert (release.model.title, release.licence, release.model.context) == ("Noise", "CC0-1.0", 512)
    assert release.files[0].sha256 == sha256(model)
    assert release.published is not None
    assert _believed(publisher, tmp_path / "box") == (1,)
    assert checking.check(publisher.folder, publisher.root).faults == ()


def test_the_smallest_box_has_room_for_the_model_and_the_house(publisher: Publisher, model: Path) -> None:
    told = {"version": "1.0", "probes": [PROBE]}
    release, _ = making.add(publisher.repository, [model], "chat", told, publisher.keys)
    assert release.min_ram_mb > release.model.memory + 700


def test_the_chunks_are_those_of_the_file(publisher: Publisher, model: Path) -> None:
    (file,) = publisher.add(model).files
    (place,) = (publisher.folder / "targets" / "models" / "1").glob("*.chunks")
    assert chunks.read(place.read_bytes(), file.size) == chunks.cut(model)


def test_releases_are_counted_over_all_roles(publisher: Publisher, model: Path, tmp_path: Path) -> None:
    first = publisher.add(model, version="1.0")
    weights, words = tmp_path / "model.onnx", tmp_path / "tokenizer.json"
    weights.write_bytes(b"weights" * 1000)
    words.write_bytes(b"{}")
    second = publisher.add(
        weights, words, role="embed", name="embedder-v2", title="Embedder", licence="Apache-2.0", memory=90,
        context=256, quantisation="int8", parameters=22, limits={"embed_dim": 384},
        probes=[{"prompt": "the cat", "near": "a kitten", "far": "the tax office"}],
    )  # fmt: skip
    third = publisher.add(model, version="1.1")
    assert (first.seq, second.seq, third.seq) == (1, 2, 3)
    assert [file.name for file in second.files] == ["model.onnx", "tokenizer.json"]
    assert _believed(publisher, tmp_path / "box") == (3, 2, 1)


def test_numbers_can_begin_above_those_of_another_repository(publisher: Publisher, model: Path) -> None:
    told = {"probes": [PROBE], "min_ram_mb": 1}
    numbers = []
    for version, first in (("1.0", 31), ("1.1", 1), ("1.2", 31)):
        row = {**told, "version": version}
        release, _ = making.add(publisher.repository, [model], "chat", row, publisher.keys, first=first)
        numbers.append(release.seq)
    assert numbers == [31, 32, 33]


def test_an_embedder_must_be_described(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"weights")
    with pytest.raises(SettingsError, match="must be said: name, title"):
        publisher.add(tmp_path / "model.onnx", role="embed")


def test_a_chat_model_without_a_probe_is_refused(publisher: Publisher, model: Path) -> None:
    with pytest.raises(SettingsError, match="No probe"):
        publisher.add(model, probes=[])


def test_a_mistake_of_the_maintainer_is_named(publisher: Publisher, model: Path) -> None:
    with pytest.raises(SettingsError, match="'newest' is no version"):
        publisher.add(model, version="newest")
    with pytest.raises(SettingsError, match="101 is no percentage"):
        publisher.add(model, rollout={"percent": 101})


def test_a_file_that_is_no_model_is_refused(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"x" * 1000)
    with pytest.raises(ModelError):
        publisher.add(tmp_path / "model.gguf")
    assert changing.releases(publisher.repository) == []


@pytest.mark.parametrize("name", ["small-model-v1.0", "smollm2-135m-instruct-q4_1"])
def test_no_two_models_have_one_name(publisher: Publisher, model: Path, name: str) -> None:
    publisher.add(model)
    with pytest.raises(ConflictError, match="There is a model named"):
        publisher.add(model, name=name)


def test_a_release_says_nothing_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="says nothing of colour"):
        making.about(None, {"colour": "red"})
    (tmp_path / "about.toml").write_text("title = ")
    with pytest.raises(SettingsError, match="cannot be read"):
        making.about(tmp_path / "about.toml", {})


def test_the_command_line_goes_before_the_file(tmp_path: Path) -> None:
    about = tmp_path / "about.toml"
    about.write_text(
        'title = "A"\nversion = "1.0"\n[[probes]]\nprompt = "2 + 2?"\nmust_match = ["4"]\n'
        "[rollout]\npercent = 5\nnot_before = 2026-12-01T00:00:00Z\n"
    )
    told = making.about(about, {"title": "B", "notes": ""})
    assert (told["title"], told["version"], "notes" in told) == ("B", "1.0", False)


def test_moments_of_the_about_file_are_taken(publisher: Publisher, model: Path, tmp_path: Path) -> None:
    about = tmp_path / "about.toml"
    about.write_text("[rollout]\npercent = 5\nnot_before = 2026-12-01T00:00:00Z\n")
    rollout = publisher.add(model, **making.about(about, {})).rollout
    assert (rollout.percent, rollout.salt) == (5, "release 1")
    assert rollout.not_before
    assert rollout.not_before.month == 12


def test_a_file_is_fetched_from_a_url_whose_hash_is_known(model: Path, tmp_path: Path) -> None:
    with FileServer({"model.gguf": model.read_bytes()}) as server:
        url = server.url("model.gguf")
        (found,) = making.collect([url], tmp_path / "fetched", sha256(model))
        assert found.read_bytes() == model.read_bytes()
        with pytest.raises(SettingsError, match="no sha256"):
            making.collect([url], tmp_path / "fetched")
        with pytest.raises(NotFoundError, match="is not the file"):
            making.collect([url], tmp_path / "fetched", "0" * 64)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        making.collect([str(tmp_path / "nothing.gguf")], tmp_path)


def test_a_stick_is_brought_up_to_date(publisher: Publisher, model: Path, tmp_path: Path) -> None:
    publisher.add(model)
    stick = tmp_path / "stick"
    assert making.copy_tree(publisher.folder, stick) > 5
    assert making.copy_tree(publisher.folder, stick) == 1  # the timestamp
    publisher.add(gguf.write(tmp_path / "other.gguf", seed=2))
    making.copy_tree(publisher.folder, stick)
    news = Metadata(tmp_path / "box", publisher.root, lambda: [stick.as_uri()]).refresh()
    assert [release.seq for release in news.releases] == [2, 1]
    assert checking.check(stick, publisher.root).faults == ()


def test_a_missing_or_damaged_file_is_found(publisher: Publisher, model: Path) -> None:
    publisher.add(model)
    (weights,) = (publisher.folder / "targets" / "models" / "1").glob("*.gguf")
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    (fault,) = checking.check(publisher.folder, publisher.root).faults
    assert "is not the file that was signed" in fault
    weights.unlink()
    (fault,) = checking.check(publisher.folder, publisher.root).faults
    assert "is missing" in fault


def test_an_image_knows_whom_to_believe_and_nothing_older(
    publisher: Publisher, model: Path, tmp_path: Path
) -> None:
    old = tmp_path / "old"
    making.copy_tree(publisher.folder, old)
    publisher.add(model)
    house = tmp_path / "factory"
    checking.write_factory(publisher.folder, house, "https://updates.example")
    assert first_root.source("", house) == "https://updates.example"
    assert first_root.source("file:///media/stick", house) == "file:///media/stick"

    def box(source: Path) -> Metadata:
        return Metadata(
            tmp_path / "box",
            first_root.read("", house),
            lambda: [source.as_uri()],
            factory=first_root.factory("", house),
        )

    assert [release.seq for release in box(publisher.folder).refresh().releases] == [1]
    with pytest.raises(RefusedError) as refused:
        box(old).refresh()
    assert refused.value.reason == "rollback"
