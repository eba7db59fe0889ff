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
    "stale": "What this box knows of the update server is too old; it must ask again first.",
    "clock": "This box does not know the time yet, so it cannot tell whether an update is still valid.",
    "not_there": "The update server lacks a file that it lists.",
    # The files on this box.
    "no_space": "There is not enough room on the box for this model.",
    "not_a_model": "The file is not built as a model must be.",
    "contradictory": "What was signed of this model contradicts itself.",
    "lost_on_disk": "The disk of this box has lost what was written to it.",
    "name_taken": "Another model of this name is on the shelf.",
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
    # A version of Nisse itself, and this box.
    "not_a_box": "This Nisse does not run from an image of a box; it is updated from its checkout.",
    "not_a_program": "The file is not built as a version of Nisse must be.",
    "other_machine": "This version of Nisse is made for another kind of machine.",
    "other_python": "This version of Nisse needs another Python than this box has.",
    "old_system": "This version of Nisse needs a newer system; the box's system must be updated first.",
    "old_program": "This version of Nisse is not newer than the one that runs.",
    "below_floor": "This version of Nisse is older than one that this box has already kept.",
    "too_far": "This version of Nisse cannot read what the present one has written; one in between must come first.",
    "no_way_back": "This box could not go back from this version of Nisse, so it is not taken.",
    "not_taken": "The box's own service did not take this version of Nisse, although it was asked again and again.",
    # The trial on this box, and the time after it.
    "does_not_load": "The new model does not load on this box.",
    "crashed": "The new model crashed when it was tried.",
    "hung": "The new model did not come to an end when it was tried.",
    "memory_hungry": "The new model takes more memory than it may.",
    "slow_model": "The new model is too slow on this box.",
    "wrong_answer": "The new model answered a question of its own publisher wrongly.",
    "golden": "The new model answered one of this house's own questions worse than the present one.",
    "wrong_dimensions": "The new model's vectors are not of the length that was promised.",
    "poor_vectors": "The new model does not tell what belongs together from what does not.",
    "no_index": "The house's documents could not be made ready for the new model.",
    "unstable": "The new model made the brain crash more than once.",
    "not_serving": "The new model did not begin to answer after the change.",
    "complaints": "You said of several of its answers that they were bad.",
    "restarts": "The box restarted again and again with the new model.",
    "interrupted": "The trial of the new model was broken off again and again.",
    "damaged": "A file of the new model is damaged.",
    "too_many_steps": "The update went round in circles.",
    "went_back": "You went back to the model before.",
    "declined": "You did not want this model.",
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
