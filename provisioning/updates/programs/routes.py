"""The routes by which the portal and the command line look at updates of Nisse itself and move them.

Owns: the routes below `/program`.
Does not know: what they move (`owner`), nor how it is told (`view`).
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from agent.errors import RequestError
from agent.wire import serve
from provisioning.updates.programs import view
from provisioning.updates.programs.machine import ProgramMachine
from provisioning.updates.programs.owner import ProgramOwner

_LONGEST = 100


def program_routes(machine: ProgramMachine, owner: ProgramOwner) -> Blueprint:
    """The routes of one house's updates of Nisse; each answers with the state after it."""
    routes = Blueprint("program", __name__, url_prefix="/program")

    def state() -> dict[str, Any]:
        return view.told(machine, owner)

    @routes.get("")
    def look() -> ResponseReturnValue:
        return state()

    @routes.post("/install")
    def install() -> ResponseReturnValue:
        owner.install(_text("version"))
        return state(), 202

    @routes.post("/decline")
    def decline() -> ResponseReturnValue:
        owner.decline(_text("version"))
        return state()

    @routes.post("/stop")
    def stop() -> ResponseReturnValue:
        owner.stop()
        return state()

    @routes.post("/back")
    def back() -> ResponseReturnValue:
        owner.back()
        return state(), 202

    @routes.post("/forgive")
    def forgive() -> ResponseReturnValue:
        owner.forgive(_text("sha256"))
        return state()

    return routes


def _text(name: str) -> str:
    value = serve.json_body().get(name) if request.data else None
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST:
        raise RequestError(f"{name} must be a text.", param=name)
    return value
