"""Which server it is: its address, model and key, as the settings name them.

Owns: the four settings, and the sentence for each that will not do.
Does not know: what is asked of the server.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import httpx

from agent.errors import SettingsError
from agent.settings import Secret, Settings


@dataclass(frozen=True, kw_only=True)
class Place:
    """One server."""

    url: str  # with its /v1, without a slash at the end
    model: str = ""  # empty: the first that it lists
    key: Secret = field(default_factory=Secret)
    context: int = 0  # tokens; 0: as it says itself


def named(settings: Settings) -> Place | None:
    """The server that the owner named; None if there is none.

    Raises:
        SettingsError: The address or the key cannot be right.
    """
    url = settings.text("brain.remote").strip()
    if not url:
        return None
    key = settings.secret("brain.remote_key")
    if not (key.reveal().isascii() and key.reveal().isprintable()):
        raise SettingsError("brain.remote_key has signs that no key has.", hint="Copy it once more.")
    return Place(
        url=_checked(url),
        model=settings.text("brain.remote_model").strip(),
        key=key,
        context=settings.number("brain.remote_context"),
    )


def _checked(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError) as wrong:
        raise SettingsError("brain.remote is no address.", hint=_HINT) from wrong
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise SettingsError("brain.remote is no address of a server.", hint=_HINT)
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise SettingsError(
            "brain.remote must be an address and nothing else.", hint="A key belongs into brain.remote_key."
        )
    path = parsed.path.rstrip("/")
    return str(parsed.copy_with(path=path or "/v1"))


_HINT = "Write it as http://10.0.0.5:8000/v1."
