"""The models that came with the image."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from agent.errors import NisseError
from agent.models import catalogue
from agent.models.catalogue import Model
from agent.models.shelf import Shelf
from provisioning.box.places import Places
from provisioning.firstboot import stock

NAME = "all-minilm-l6-v2"


def bring(places: Places) -> Model:
    """Lays files of the right size into the image."""
    model = catalogue.load().find(NAME)
    for file in model.files:
        path = places.image_models / NAME / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as out:
            out.truncate(file.size)
    return model


def test_what_is_in_the_image_counts_as_installed_without_being_read(places: Places) -> None:
    model = bring(places)
    assert stock.lay_out(places) == [NAME]
    shelf = Shelf(places.home / "models")
    assert shelf.installed(model)
    assert shelf.path(model).is_symlink()


def test_a_newer_image_with_other_dates_is_recorded_anew(places: Places) -> None:
    model = bring(places)
    stock.lay_out(places)
    for file in model.files:
        os.utime(places.image_models / NAME / file.name, (5, 5))
    assert not Shelf(places.home / "models").installed(model)
    stock.lay_out(places)
    assert Shelf(places.home / "models").installed(model)


def test_a_model_that_the_house_fetched_is_left_alone(places: Places) -> None:
    model = bring(places)
    own = Shelf(places.home / "models").path(model)
    own.parent.mkdir(parents=True)
    own.write_text("fetched")
    stock.lay_out(places)
    assert own.read_text() == "fetched"


def test_half_a_model_is_not_put_onto_the_shelf(places: Places) -> None:
    model = bring(places)
    (places.image_models / NAME / model.files[0].name).write_text("torn")
    assert stock.lay_out(places) == []


def test_links_into_an_image_that_is_gone_are_dropped(places: Places) -> None:
    model = bring(places)
    stock.lay_out(places)
    for file in model.files:
        (places.image_models / NAME / file.name).unlink()
    stock.lay_out(places)
    assert not list((places.home / "models").rglob("*.verified"))
    assert not any(Path(path).is_symlink() for path in (places.home / "models").rglob("*"))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["fifo", "link", "huge"])
def test_a_record_that_is_no_small_file_is_written_anew_and_not_waited_for(
    places: Places, tmp_path: Path, kind: str
) -> None:
    model = bring(places)
    stock.lay_out(places)
    shelf, victim = Shelf(places.home / "models"), tmp_path / "victim"
    record = shelf.path(model).with_name(f"{shelf.path(model).name}.verified")
    whole = record.read_text()
    victim.write_text(whole)
    record.unlink()
    if kind == "fifo":
        os.mkfifo(record)
    elif kind == "link":
        record.symlink_to(victim)
    else:
        with record.open("wb") as out:
            out.truncate(1 << 40)
    assert stock.lay_out(places) == [NAME]
    assert record.read_text() == whole
    assert not record.is_symlink()
    assert shelf.installed(model)


@pytest.mark.parametrize("what", ["models", NAME])
def test_a_folder_that_is_a_link_leads_nowhere(places: Places, tmp_path: Path, what: str) -> None:
    bring(places)
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / NAME).mkdir(parents=True)
    for folder in (elsewhere, elsewhere / NAME):
        folder.chmod(0o700)
        (folder / "dead").symlink_to("nothing")
    if what == "models":
        (places.home / "models").symlink_to(elsewhere)
        with contextlib.suppress(NisseError):
            stock.lay_out(places)
    else:
        (places.home / "models").mkdir()
        (places.home / "models" / NAME).symlink_to(elsewhere)
        assert stock.lay_out(places) == []
    assert sorted(path.name for path in elsewhere.rglob("*")) == [NAME, "dead", "dead"]
    assert {folder.stat().st_mode & 0o777 for folder in (elsewhere, elsewhere / NAME)} == {0o700}


@pytest.mark.parametrize("there", [True, False])
def test_an_image_without_models_is_no_matter(places: Places, there: bool) -> None:
    if there:
        places.image_models.mkdir(parents=True)
    assert stock.lay_out(places) == []
