"""Why an update was refused: a name for programs and logs, and one plain sentence for the owner.

Owns: the names and their sentences.
Does not know: who refuses what, or when.
"""

from __future__ import annotations

from typing import ClassVar

from agent.errors import NisseError

SENTENCES = {
    # The list of releases, and who signed it.
    "rollback": "The update server offers an older list of models than this box has already seen.",
    "freeze": "The update server has shown nothing new for longer than it promised.",
    "expired": "What the update server says is no longer valid; its publisher has not renewed it.",
    "threshold": "The list of models is not signed by as many of its publishers as it must be.",
    "mix_and_match": "The update server mixes parts of different lists of models.",
    "wrong_hash": "A file from the update server is not the one that was signed.",
    "wrong_length": "A file from the update server has another length than the one that was signed.",
    "endless_data": "The update server sends more than it announced, without end.",
    "too_slow": "The update server sends too slowly.",
    "malformed": "The update server says something that cannot be read.",
    "not_delegated": "The list of models names something that its publisher may not sign.",
    "incomplete": "The update server lacks a part of its own list of models.",
    "unreachable": "The update server does not answer.",
    "no_root": "This box does not know whom to believe about updates.",
    "clock": "This box does not know the time yet, so it cannot tell whether an update is still valid.",
    # The release, and this box.
    "security_floor": "This model is too old to be safe; its publisher has withdrawn it.",
    "yanked": "The publisher has taken this model back.",
    "not_newer": "This model is not newer than the one that serves.",
    "too_little_memory": "This box has too little memory for this model.",
    "too_much_memory": "This model is meant for smaller boxes.",
    "old_agent": "This model needs a newer version of Nisse.",
    "not_yet": "This model is not offered yet.",
    "no_longer": "This model is no longer offered.",
    "other_boxes_first": "Other boxes try this model first; the turn of this one comes later.",
    "known_bad": "This model was tried here before and did not do well.",
    "one_day": "This model is new; it waits for a day, in case something is wrong with it.",
}


class RefusedError(NisseError):
    """Something about an update is not believed or not taken; what serves goes on."""

    key: ClassVar[str] = "update_refused"
    status: ClassVar[int] = 409

    def __init__(self, reason: str, detail: str = "", *, hint: str = "") -> None:
        """Takes its sentence from the table.

        Args:
            reason: One of SENTENCES.
            detail: What exactly, for the log; not for the owner.
            hint: One sentence that says what to do about it.
        """
        super().__init__(SENTENCES[reason], hint=hint)
        self.reason = reason
        self.detail = detail
