"""Channels: the ways by which people and the house write to each other.

A channel is one file here (or one folder) and one process: `nisse channel NAME`. It opens no port for the house and is called by
nobody: it posts what came in to conversation, and fetches what goes out. So it works behind any router, can crash alone, and could
be written in any language. To add one, add a file; nothing else is edited. `console.py` is the shortest to copy from.

A channel's module has

- `SETTINGS`, a literal list of dictionaries with the fields of `agent.settings.Setting`: its section of the settings, and, where a
  `label` stands, its form in the portal. It is read without importing the module, so nothing in it may be computed.
- `ADDRESS_KIND`, the kind of address by which it knows people, such as "mail".
- `Channel`, the class below.
- `check(settings) -> str`, which tries the settings for real and says in one sentence that they work, or raises a `NisseError`
  with a hint. The portal's test button and `nisse check NAME` call it.

The promise that a channel keeps, so that nothing is lost and nothing is answered twice (`_house` and `_outgoing` do most of it):

1. What came in is posted with the far end's own name for it (`native_id`), and is forgotten only after conversation said 202: a
   repeat is harmless, a loss is not. 503, 507 or no answer: wait and post again. Any other 4xx is final.
2. The sender is stated as proven as the channel can, the facts that make a message look automatic are stated, and conversation
   alone decides who is answered.
3. A reply goes `answered -> sending -> sent`. One that is found in `sending` was begun before a crash: first ask the far end
   whether its `outgoing_id` went out. What the far end refuses for good is `failed`; what it puts off goes back by `retry`.
4. It can be heard to hang: what it does for ever it does by `_process.run_until_told`, and it waits by `_life`.
5. Replies are carried as they are: a channel adds nothing to the text and never writes to anybody but the reply's recipient.

Modules whose name begins with an underscore are shared by channels and are none themselves.
"""

from __future__ import annotations

from typing import Protocol

from agent.settings import Settings


class Channel(Protocol):
    """What every channel's class of this name does."""

    def __init__(self, settings: Settings) -> None:
        """Makes the channel; nothing is opened yet.

        Args:
            settings: The values in force; a change of them starts the process afresh.
        """

    def run(self) -> None:
        """Carries messages both ways until SIGTERM (a console: until its input ends)."""
