"""What every test of a mail's text stands on.

Owns: the moment at which the cast signs.
Does not know: any mail.
"""

from __future__ import annotations

from types import SimpleNamespace

import dkim
import pytest

from tests.letters.mailbag import NOW


@pytest.fixture(autouse=True)
def signing_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signatures are made at the moment that the tests call now, however long after it a test is run."""
    monkeypatch.setattr(dkim, "time", SimpleNamespace(time=lambda: NOW))
