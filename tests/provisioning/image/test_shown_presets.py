"""The presets that people are shown, on the card and in the guide, are presets that the box takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioning.firstboot import presets
from tests.source_tree import CHECKOUT

CARD = CHECKOUT / "provisioning" / "image" / "esp-readme.txt"
GUIDE = CHECKOUT / "provisioning" / "IMAGE.md"


@pytest.mark.parametrize("page", [CARD, GUIDE], ids=lambda page: page.name)
def test_every_preset_that_is_shown_is_taken(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    first = next(number for number, line in enumerate(lines) if line.strip() == "[box]")
    indented = lines[first].index("[")
    shown: list[str] = []
    for line in lines[first:]:
        if line.strip() and (len(line) - len(line.lstrip())) < indented:
            break
        shown.append(line.strip())
    found = presets.read("\n".join(shown).encode())
    assert found.readable
    assert len(found.values) >= 7
    assert [line.key for line in found.lines if not line.taken] == []
