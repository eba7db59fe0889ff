"""Where the updates of Nisse itself stand, for the portal and the command line: figures, and one plain sentence.

Owns: the form of `GET /program`, and the sentence for each step.
Does not know: how anything of it came about.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from provisioning.updates.programs.machine import ProgramMachine, read
from provisioning.updates.programs.owner import ProgramOwner
from provisioning.updates.programs.rules import sentence
from provisioning.updates.programs.states import Record, Step

_SENTENCES = {
    Step.OFFERED: "Nisse {version} is there. {waits}",
    Step.RESERVED: "Room is made for Nisse {version}.",
    Step.DOWNLOADING: "Nisse {version} is being fetched{share}.",
    Step.VERIFIED: "Nisse {version} is being checked.",
    Step.HANDED: "Nisse {version} is being tried. The house restarts once; letters wait meanwhile, and none is lost.",
    Step.REPORTED: "The update to Nisse {version} has ended.",
}


def told(machine: ProgramMachine, owner: ProgramOwner) -> dict[str, Any]:
    """All that there is to tell, in JSON's types."""
    now, parts = machine.record, machine.parts
    here, why_not = parts.root.here(), owner.why_not_back()
    return {
        "box": parts.root.is_there,
        "version": here.running,
        "base": here.base,
        "step": str(now.step),
        "busy": now.busy,
        "sentence": _sentence(machine, now),
        "offer": _offer(machine, now) if now.program else None,
        "progress": _progress(machine),
        "can_go_back": not why_not,
        "why_not_back": why_not,
        "back_to": owner.back_to(),
        "trouble": machine.trouble.sentence,
        "reason": machine.trouble.reason,
        "bad": [dataclasses.asdict(each) for each in parts.book.bad.entries()],
        "notice": notice(machine),
        "history": [dataclasses.asdict(each) for each in parts.book.history()],
    }


def notice(machine: ProgramMachine) -> dict[str, Any] | None:
    """What the owner should know of the last update of Nisse, if it was not kept."""
    ended = next(iter(machine.parts.book.history()), None)
    if ended is None or ended.outcome not in ("rolled_back", "refused"):
        return None
    key = f"program-{ended.version}-{ended.reason}"
    return {"key": key, "at": ended.when, "sentence": f"Nisse {ended.version} was not kept. {ended.sentence}"}


def _sentence(machine: ProgramMachine, now: Record) -> str:
    parts = machine.parts
    if not parts.root.is_there:
        return sentence("not_a_box")
    if now.step == Step.IDLE:
        if machine.not_this:
            return machine.not_this
        return _trouble(machine) or "There is no newer version of Nisse that suits this box."
    done, total = machine.progress
    text = _SENTENCES[now.step].format(
        version=now.version, waits=machine.waits, share=f", {100 * done // total} %" if total else ""
    )
    return f"{text} {machine.trouble.sentence}".strip()


def _trouble(machine: ProgramMachine) -> str:
    if not machine.parts.wishes.source:
        return "No update server is set; Nisse changes only with the system."
    news = machine.parts.source.known()
    return sentence(news.program_trouble) if news and news.program_trouble else ""


def _offer(machine: ProgramMachine, now: Record) -> dict[str, Any]:
    program = read(now)
    waiting = now.step in (Step.OFFERED, Step.RESERVED)
    return {
        "version": program.version,
        "notes": program.notes,
        "licence": program.licence,
        "size": program.size,
        "bytes": machine.parts.store.bytes_needed(program) if waiting else 0,
        "critical": program.rollout.critical,
        "why_waits": machine.waits if now.step == Step.OFFERED else machine.trouble.sentence,
    }


def _progress(machine: ProgramMachine) -> dict[str, Any] | None:
    done, total = machine.progress
    return {"done": done, "total": total} if total else None
