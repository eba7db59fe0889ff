"""The house's own settings, each with its type, default, unit and one line of help; a plug-in declares its own itself.

Owns: what a setting is, and the rows that belong to no plug-in.
Does not know: where values come from (`settings`), nor what any setting is used for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One line of the table."""

    key: str  # section.name
    kind: str  # text, number, flag or secret
    default: str | int | bool
    help: str  # one line, for people
    unit: str = ""
    label: str = ""  # what a form calls it; empty: not in any form
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    whose: str = ""  # of a secret: the process that alone needs it; a plug-in's own belong to its process
    repeats: bool = False  # each further entry of its section, such as a second mailbox, has one of its own

    @property
    def section(self) -> str:
        """The part before the dot: the service or plug-in whose setting it is."""
        return self.key.partition(".")[0]

    @property
    def variable(self) -> str:
        """The environment variable that overrides it."""
        return "NISSE_" + re.sub(r"[.-]", "_", self.key).upper()


def _setting(key: str, kind: str, default: str | int | bool, help_line: str, **more: Any) -> Setting:
    return Setting(key=key, kind=kind, default=default, help=help_line, **more)


CORE = (
    _setting(
        "house.name",
        "text",
        "nisse",
        "Name of the box: it answers at http://NAME.local and as NAME@ in mail.",
    ),
    _setting(
        "house.plus_addressing",
        "flag",
        True,
        "NAME+anything@ is the house's own address too, as most providers have it.",
    ),
    _setting("models.folder", "text", "", "Where model files are kept; empty: models/ in NISSE_HOME."),
    _setting("brain.url", "text", "http://127.0.0.1:8701", "Where the brain serves and is called."),
    _setting("brain.token", "secret", "", "Token of the brain; needed when its address is not this machine."),
    _setting("brain.model", "text", "", "Name of the catalogue's chat model; empty: the largest that fits."),
    _setting(
        "brain.context", "number", 4096, "Longest prompt and answer together.", unit="tokens", minimum=512
    ),
    _setting(
        "brain.threads",
        "number",
        0,
        "Threads that compute; 0: one per physical core, of the fast ones where there are two kinds.",
        minimum=0,
        maximum=256,
    ),
    _setting(
        "brain.parallel",
        "number",
        0,
        "Answers that grow at once; 0: as many as suit the box.",
        minimum=0,
        maximum=64,
    ),
    _setting(
        "brain.gpu_layers",
        "number",
        -1,
        "Most layers of the model that a graphics card computes; -1: as many as fit, 0: none.",
        minimum=-1,
        maximum=1000,
    ),
    _setting(
        "brain.saved",
        "number",
        500,
        "Disk for conversations that are kept ready over a restart; 0: none are.",
        unit="MB",
        minimum=0,
    ),
    _setting("brain.reserve", "number", 800, "Memory left to the rest of the house.", unit="MB", minimum=0),
    _setting("brain.queue", "number", 32, "Requests that may wait before others are refused.", minimum=1),
    _setting(
        "brain.remote",
        "text",
        "",
        "Server that answers in the brain's place, as http://10.0.0.5:8000/v1 (on a box in numbers); the local model stands in for it.",
    ),
    _setting(
        "brain.remote_model", "text", "", "That server's name for its model; empty: the first it lists."
    ),
    _setting("brain.remote_key", "secret", "", "That server's key, if it asks for one.", whose="brain"),
    _setting(
        "brain.remote_context",
        "number",
        0,
        "That server's longest prompt and answer; 0: as it says.",
        unit="tokens",
        minimum=0,
    ),
    _setting("recall.url", "text", "http://127.0.0.1:8702", "Where recall serves and is called."),
    _setting("recall.token", "secret", "", "Token of recall; needed when its address is not this machine."),
    _setting(
        "recall.embedder",
        "text",
        "all-minilm-l6-v2",
        "Name of the catalogue's embedding model; in place of this one an update may bring a better, any other is kept to.",
    ),
    _setting(
        "recall.passages",
        "number",
        4,
        "Passages given to the brain with a question.",
        minimum=0,
        maximum=20,
    ),
    _setting("recall.max_document", "number", 25, "Largest document.", unit="MB", minimum=1, maximum=1000),
    _setting("conversation.url", "text", "http://127.0.0.1:8703", "Where conversation serves and is called."),
    _setting(
        "conversation.token",
        "secret",
        "",
        "Token of conversation; needed when it is not on this machine.",
    ),
    _setting(
        "conversation.max_message",
        "number",
        25,
        "Largest message with all its attachments.",
        unit="MB",
        minimum=1,
    ),
    _setting("conversation.max_answer", "number", 700, "Longest answer.", unit="tokens", minimum=16),
    _setting(
        "conversation.sender_hour",
        "number",
        10,
        "Mails of one person that are answered within an hour; what exceeds it waits at the page Messages.",
        minimum=1,
        maximum=100_000,
    ),
    _setting(
        "conversation.sender_day",
        "number",
        40,
        "Mails of one person that are answered within a day.",
        minimum=1,
        maximum=1_000_000,
    ),
    _setting(
        "conversation.thread_run",
        "number",
        3,
        "Mails of one thread that are answered within ten minutes without anything new in them.",
        minimum=1,
        maximum=1000,
    ),
    _setting(
        "conversation.house_hour",
        "number",
        60,
        "Mails that are answered within an hour in all; beyond it the house answers none for an hour, then for a day.",
        minimum=1,
        maximum=100_000,
    ),
    _setting(
        "conversation.note_after",
        "number",
        10,
        "Who writes by mail is told once if the answer will take longer than this; 0: nobody is.",
        unit="minutes",
        minimum=0,
        maximum=1440,
    ),
    _setting(
        "portal.listen", "text", "0.0.0.0:8080", "Address and port of the portal in the home's network."
    ),
    _setting("portal.announce", "flag", True, "Announce the box by name in the home's network (mDNS)."),
    _setting("updates.url", "text", "http://127.0.0.1:8704", "Where updates serves and is called."),
    _setting("updates.token", "secret", "", "Token of updates; needed when its address is not this machine."),
    _setting(
        "updates.source",
        "text",
        "",
        "Where signed models and versions of Nisse come from: an https address or a folder, several with spaces between; empty: nowhere.",
        label="Update server",
    ),
    _setting(
        "updates.policy",
        "text",
        "ask",
        "What becomes of a new model or version of Nisse: installed by itself, offered to you, or not even looked for.",
        label="New models and versions",
        choices=("automatic", "ask", "never"),
    ),
    _setting(
        "updates.delay",
        "number",
        24,
        "How long anything new is left to other boxes before this one takes it by itself.",
        unit="hours",
        minimum=0,
        maximum=2400,
        label="Wait before installing",
    ),
    _setting(
        "updates.quiet",
        "text",
        "",
        "Hours in which no update uses the line, as 18:00-23:30; empty: none.",
        label="Hours to keep the line free",
    ),
    _setting(
        "updates.metered",
        "flag",
        False,
        "Updates may use a line that costs by the byte, such as a telephone's.",
        label="Also over a metered line",
    ),
    _setting(
        "updates.share",
        "flag",
        False,
        "Give fetched models to other boxes in the home's network, which check them like any other.",
        label="Share models with other boxes at home",
    ),
    _setting(
        "updates.share_listen",
        "text",
        "0.0.0.0:8705",
        "Address and port at which models are given to other boxes.",
    ),
    _setting(
        "updates.root",
        "text",
        "",
        "File with the keys that sign models (root.json); empty: the one that the house came with. Versions of Nisse need that one.",
    ),
)
