"""Where the updates stand, for the portal and the command line: figures, and one plain sentence.

Owns: the form of `GET /state`, and the sentence for each state.
Does not know: how anything of it came about.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

from agent.models.catalogue import Model
from agent.models.sets import ModelSet
from provisioning.updates import probation, trust
from provisioning.updates.owner import Owner
from provisioning.updates.release import Release
from provisioning.updates.states import Record, State, Watch
from provisioning.updates.steps import read, sentence
from provisioning.updates.update import Machine

_MEGABYTE = 1_000_000
_SENTENCES = {
    State.CHECKED: "{title} is looked at.",
    State.OFFERED: "{title} is there. {waits}",
    State.RESERVED: "Room is made for {title}.",
    State.DOWNLOADING: "{title} is being fetched{share}.",
    State.VERIFIED: "{title} is being checked.",
    State.STAGED: "{title} is made ready for its trial.",
    State.TRIAL: "{title} is being tried{share}; the present model answers meanwhile, or right after.",
    State.PROBATION: "{title} answers, on probation. It stays once it has answered {needed} times, or for a day.",
    State.COMMITTED: "{title} has proven itself.",
    State.GC: "What is no longer needed is taken away.",
    State.ROLLBACK: "The model before is put back. {why}",
    State.REPORTED: "The model before answers. {why}",
}


def told(machine: Machine, owner: Owner) -> dict[str, Any]:
    """All that there is to tell, in JSON's types."""
    parts, record = machine.parts, machine.record
    active, previous = parts.sets.active(), parts.sets.previous()
    release, why_not = read(record) if record.release else None, owner.why_not_back()
    letters, history = parts.book.letters(), parts.book.history()
    return {
        "policy": parts.wishes.policy,
        "step": str(record.state),
        "sentence": _sentence(machine, record, release),
        "busy": record.busy,
        "active": _set(active, machine),
        "previous": _set(previous, machine) if previous and previous != active else None,
        "can_go_back": not why_not,
        "why_not_back": why_not,
        "offer": _offer(machine, record, release) if release else None,
        "progress": _progress(machine, record),
        "checked_at": machine.looking.at,
        "next_check_in": round(machine.looking.again_in) if parts.wishes.source else None,
        "warning": parts.source.warning() or machine.looking.warning,
        "trouble": machine.trouble.sentence or machine.looking.trouble,
        "reason": machine.trouble.reason or machine.looking.reason,
        "bad": [dataclasses.asdict(entry) for entry in parts.bad.entries()],
        "notice": notice(machine),
        "untold": len(letters),
        "history": [dataclasses.asdict(each) for each in history],
        "probation": _probation(machine.watching.watch) if record.state == State.PROBATION else None,
        "source": parts.wishes.source,
    }


def notice(machine: Machine) -> dict[str, Any] | None:
    """What the owner should know of the last update, if it was put back."""
    ended = next(iter(machine.parts.book.history()), None)
    if ended is None or ended.outcome != "rolled_back":
        return None
    return {"key": f"{ended.seq}-{ended.reason}", "at": ended.when, "sentence": ended.sentence}


def _sentence(machine: Machine, record: Record, release: Release | None) -> str:
    waits = machine.looking.waits
    trouble = machine.trouble.sentence
    if record.state == State.IDLE:
        if not machine.parts.wishes.source:
            return "No update server is set; models change only when you bring one."
        return machine.looking.trouble or _nothing(machine)
    done, total = machine.progress
    text = _SENTENCES[record.state].format(
        title=f"{release.model.title} {release.version}"
        if release and record.origin == "signed"
        else release.model.title
        if release
        else "The new model",
        waits=waits,
        share=f", {100 * done // total} %" if total else "",
        needed=probation.ANSWERS,
        why=sentence(record) if record.reason else "",
    )
    return f"{text} {trouble}".strip()


def _nothing(machine: Machine) -> str:
    if machine.looking.at is not None:
        return "There is nothing new that suits this box."
    if machine.parts.wishes.policy == trust.NEVER:
        return "You chose that nobody looks for new models."
    return "New models have not been looked for since the start."


def _offer(machine: Machine, record: Record, release: Release) -> dict[str, Any]:
    model = release.model
    signed = record.origin == "signed"
    offered = record.state in (State.CHECKED, State.OFFERED, State.RESERVED)
    return {
        "seq": record.seq,
        "role": release.role,
        "name": model.name,
        "title": model.title,
        "version": release.version if signed else "",
        "notes": release.notes,
        "licence": model.licence,
        "size": model.size,
        "bytes": machine.parts.store.bytes_needed(release) if offered and signed else 0,
        "critical": release.rollout.critical,
        "signed": signed,
        "why_waits": machine.looking.waits if record.state == State.OFFERED else machine.trouble.sentence,
    }


def _progress(machine: Machine, record: Record) -> dict[str, Any] | None:
    done, total = machine.progress
    if not total:
        return None
    word = "passages" if record.state == State.TRIAL else "bytes"
    return {"done": done, "total": total, "word": word}


def _probation(watch: Watch) -> dict[str, Any]:
    return {
        "answers": watch.answered,
        "needed": probation.ANSWERS,
        "hours": round(watch.served / 3600, 2),
        "needed_hours": probation.HOURS,
        "complaints": watch.complaints,
    }


def _set(one: ModelSet | None, machine: Machine) -> dict[str, Any] | None:
    if one is None:
        return None
    versions = {each.seq: each.version for each in machine.parts.book.history()}
    return {
        "seq": one.seq,
        "origin": one.origin,
        "since": _seconds(one.made),
        "why": one.why,
        **{
            role: _model(model, versions.get(one.releases.get(role, -1), ""))
            for role, model in (("chat", one.chat), ("embed", one.embed))
        },
    }


def _model(model: Model | None, version: str) -> dict[str, Any] | None:
    if model is None:
        return None
    return {
        "name": model.name,
        "title": model.title,
        "version": version,
        "licence": model.licence,
        "size": model.size,
    }


def _seconds(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
