"""Logging: one line per event on standard error, with secrets masked.

Owns: the form of a line, and the list of secrets that must not appear in one.
Does not know: where the lines go (supervisord keeps them, bounded) nor who writes them.

A line reads `2026-11-21T08:15:02 INFO mail message.received id=3f2a person=anna`: time, level, service, event, details.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from typing import Any

_MASK = "*****"
_SHORTEST_SECRET = 4  # masking shorter strings would blot out ordinary words

_secrets: set[str] = set()
_secrets_lock = threading.Lock()


def configure(service: str, *, level: str = "INFO") -> None:
    """Sends the whole process's log to standard error, one line an event, under the service's name."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_LineFormatter(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in ("httpx", "httpcore", "waitress.queue", "mail.log", "asyncio", "imapclient", "pypdf"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    # It tells of everybody who hangs up, as those who ask for our health do every few seconds; each line is a write to the card.
    logging.getLogger("waitress").setLevel(logging.WARNING)


def keep_secret(value: str) -> None:
    """From now on this string is shown as stars in every line."""
    if len(value) >= _SHORTEST_SECRET:
        with _secrets_lock:
            _secrets.add(value)


def masked(text: str) -> str:
    """The text with every known secret replaced by stars."""
    with _secrets_lock:
        known = sorted(_secrets, key=len, reverse=True)
    for secret in known:
        text = text.replace(secret, _MASK)
    return text


def event(logger: logging.Logger, name: str, *, level: int = logging.INFO, **details: Any) -> None:
    """Logs one event with its details as `key=value`.

    Args:
        logger: The module's logger.
        name: What happened, as `noun.verb`, the same word each time.
        level: One of logging's levels.
        details: What is worth knowing; never the text of a message.
    """
    words = [name, *(f"{key}={_quoted(value)}" for key, value in details.items() if value not in (None, ""))]
    logger.log(level, "%s", " ".join(words))


def _quoted(value: Any) -> str:
    text = str(value)
    return repr(text) if any(sign.isspace() or not sign.isprintable() for sign in text) else text


class _LineFormatter(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(record.created))
        text = record.getMessage()
        if record.exc_info:
            text = f"{text} | {self.formatException(record.exc_info)}"
        return masked(f"{clock} {record.levelname} {self._service} {text}").replace("\n", " | ")
