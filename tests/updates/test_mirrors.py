"""Where files may be had."""

from __future__ import annotations

import pytest

from agent.errors import SettingsError
from provisioning.updates.mirrors import Mirror, Wanted, in_order, named

WANTED = Wanted(target="models/7/a model.gguf", size=5, sha256="ab" * 32)


def test_a_file_bears_its_hash_at_a_server_and_is_nothing_but_its_hash_at_a_neighbour() -> None:
    [server] = named(["https://updates.example/nisse/"])
    assert (
        server.address(WANTED) == f"https://updates.example/nisse/targets/models/7/{'ab' * 32}.a%20model.gguf"
    )
    assert (
        Mirror(url="http://10.0.0.7:8705", neighbour=True).address(WANTED)
        == f"http://10.0.0.7:8705/blobs/{'ab' * 32}"
    )


def test_a_folder_may_be_a_path() -> None:
    [stick] = named(["/media/my stick"])
    assert stick.url == "file:///media/my%20stick"


@pytest.mark.parametrize(
    "wrong", ["updates.example", "ftp://updates.example", "https://", "javascript:alert(1)", "media/stick"]
)
def test_what_is_no_address_is_refused(wrong: str) -> None:
    with pytest.raises(SettingsError, match="no address"):
        named([wrong])


def test_what_costs_the_line_nothing_is_asked_first() -> None:
    sources = named(["https://one.example", "file:///media/stick", "https://two.example"])
    neighbour = Mirror(url="http://10.0.0.7:8705", neighbour=True)
    asked = [mirror.url for mirror in in_order(sources, [neighbour])]
    assert asked == [
        "file:///media/stick",
        "http://10.0.0.7:8705",
        "https://one.example",
        "https://two.example",
    ]


def test_less_patience_is_had_with_a_neighbour() -> None:
    assert Mirror(url="x", neighbour=True).patience.stall_s < Mirror(url="x").patience.stall_s
