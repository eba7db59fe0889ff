"""The routes by which the portal and the command line look at updates and move them.

Owns: the routes.
Does not know: what they move (`owner`), nor how it is told (`view`).
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from agent.errors import RequestError
from agent.wire import serve
from provisioning.updates import view
from provisioning.updates.owner import Owner
from provisioning.updates.update import Machine


def update_routes(machine: Machine, owner: Owner) -> Blueprint:
    """The routes of one house's updates; each answers with the state after it."""
    routes = Blueprint("updates", __name__)

    def state() -> dict[str, Any]:
        return view.told(machine, owner)

    @routes.get("/state")
    def look() -> ResponseReturnValue:
        return state()

    @routes.post("/check")
    def check() -> ResponseReturnValue:
        owner.check(relaxed=_flag("old_stick"))
        return state(), 202

    @routes.post("/install")
    def install() -> ResponseReturnValue:
        owner.install(_number("seq"))
        return state(), 202

    @routes.post("/decline")
    def decline() -> ResponseReturnValue:
        owner.decline(_number("seq"))
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
        owner.forgive([_text("sha256")])
        return state()

    @routes.post("/bad-answer")
    def complain() -> ResponseReturnValue:
        owner.complain()
        return state()

    return routes


def _number(name: str) -> int:
    value = serve.json_body().get(name, 0) if request.data else 0
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise RequestError(f"{name} must be a whole number.", param=name)
    return value


def _flag(name: str) -> bool:
    value = serve.json_body().get(name, False) if request.data else False
    if not isinstance(value, bool):
        raise RequestError(f"{name} must be true or false.", param=name)
    return value


def _text(name: str) -> str:
    value = serve.json_body().get(name)
    if not isinstance(value, str) or not value:
        raise RequestError(f"{name} must be a text.", param=name)
    return value
