"""The shelf: only what was found right counts, and it counts until it changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.errors import ModelError
from agent.models.shelf import Shelf
from tests.models.conftest import Published


def _put(shelf: Shelf, published: Published, data: bytes) -> None:
    path = shelf.path(published.model("url"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def test_a_file_put_there_by_hand_counts_only_after_it_was_looked_at(
    shelf: Shelf, published: Published
) -> None:
    model = published.model("url")
    _put(shelf, published, published.data)
    assert not shelf.installed(model)
    assert shelf.adopt(model)
    assert Shelf(shelf.folder).installed(model)


def test_a_wrong_file_put_there_by_hand_is_left_alone_and_does_not_count(
    shelf: Shelf, published: Published
) -> None:
    model = published.model("url")
    _put(shelf, published, bytes(len(published.data)))
    assert not shelf.adopt(model)
    assert shelf.path(model).exists()


@pytest.mark.parametrize("when", ["is_file", "stat"])
def test_a_file_that_is_removed_while_it_is_looked_at_does_not_count(
    shelf: Shelf, published: Published, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    model = published.model("url")
    _put(shelf, published, published.data)
    path = shelf.path(model)
    real = getattr(Path, when)

    def removed_after(self: Path, **named: bool) -> object:
        found = real(self, **named)
        if self == path:
            path.unlink(missing_ok=True)
        return found

    with monkeypatch.context() as changed:
        changed.setattr(Path, when, removed_after)
        assert not shelf.adopt(model)
    assert not path.exists()


def test_a_file_that_was_changed_afterwards_counts_no_more(shelf: Shelf, published: Published) -> None:
    model = published.model("url")
    _put(shelf, published, published.data)
    shelf.adopt(model)
    os.utime(shelf.path(model), ns=(1, 1))
    assert not shelf.installed(model)


def test_a_wrong_file_is_not_accepted_and_goes(shelf: Shelf, published: Published) -> None:
    model = published.model("url")
    part = shelf.part(model, model.files[0])
    part.parent.mkdir(parents=True)
    part.write_bytes(b"something else")
    with pytest.raises(ModelError, match="damaged"):
        shelf.accept(model, model.files[0], part)
    assert not part.exists()
    assert not shelf.path(model).exists()


def test_a_torn_record_means_not_installed(shelf: Shelf, published: Published) -> None:
    model = published.model("url")
    _put(shelf, published, published.data)
    shelf.adopt(model)
    shelf.path(model).with_name("model.gguf.verified").write_text('{"size": 30', encoding="utf-8")
    assert not shelf.installed(model)
    assert shelf.adopt(model)


def test_what_is_removed_leaves_nothing_behind(shelf: Shelf, published: Published) -> None:
    model = published.model("url")
    _put(shelf, published, published.data)
    shelf.remove(model)
    assert list(shelf.folder.iterdir()) == []
