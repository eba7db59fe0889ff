"""The models that came with the image."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("there", [True, False])
def test_an_image_without_models_is_no_matter(places: Places, there: bool) -> None:
    if there:
        places.image_models.mkdir(parents=True)
    assert stock.lay_out(places) == []
