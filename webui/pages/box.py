"""The box: its Wi-Fi, its name, what became of the presets, restart and factory reset. For owners, and only where there is a box.

Owns: the page and its forms.
Does not know: how the box does any of it (see `webui.box`).
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from agent import settings as ground
from agent.errors import NisseError, RequestError
from webui import box
from webui.access import owner_only
from webui.house import calm
from webui.portal import portal

blueprint = Blueprint("box", __name__, url_prefix="/box")
_ERASE = "ERASE"


@blueprint.before_request
def _only_on_a_box() -> None:
    owner_only()
    if not box.is_there():
        abort(404)


@blueprint.get("")
def show() -> ResponseReturnValue:
    """The page."""
    return _page()


@blueprint.post("/wifi")
def wifi() -> ResponseReturnValue:
    """Begins to try a Wi-Fi."""
    form = request.form
    chosen = form.get("other", "").strip() or form.get("ssid", "")
    wish = {
        "ssid": chosen,
        "password": form.get("password", ""),
        "hidden": bool(form.get("other", "").strip()),
    }
    return _do(
        "The box tries that network now. If it works, you find the box there in a minute; if not, it comes back to where it is "
        "now and says here why.",
        "wifi-set",
        **wish,
    )


@blueprint.post("/forget")
def forget() -> ResponseReturnValue:
    """Forgets all Wi-Fi networks."""
    return _do("The box has forgotten its Wi-Fi networks.", "wifi-forget")


@blueprint.post("/name")
def name() -> ResponseReturnValue:
    """Gives the box another name in the network."""
    wanted = request.form.get("name", "").strip().lower()
    try:
        box.ask("hostname", name=wanted)
        ground.save(portal().settings.home, {"house.name": wanted})
    except NisseError as refused:
        return _page(" ".join(calm(refused)), refused.status)
    flash(f"The box is called {wanted} from now on; its page is http://{wanted}.local in a moment.")
    return redirect(url_for("box.show"), 303)


@blueprint.post("/restart")
def restart() -> ResponseReturnValue:
    """Starts the box again."""
    return _do("The box starts again. It is back in a minute or two.", "reboot")


@blueprint.post("/off")
def off() -> ResponseReturnValue:
    """Switches the box off."""
    return _do("The box switches itself off.", "poweroff")


@blueprint.post("/reset")
def reset() -> ResponseReturnValue:
    """Factory reset."""
    if request.form.get("sure", "").strip().upper() != _ERASE:
        wrong = RequestError(f"Nothing was erased: type {_ERASE} into the field if you mean it.")
        return _page(wrong.message, wrong.status)
    return _do(
        "The box starts again and erases everything that it knew. That takes some minutes.",
        "wipe",
        sure="erase everything",
    )


def _do(word: str, verb: str, **values: Any) -> ResponseReturnValue:
    try:
        box.ask(verb, **values)
    except NisseError as refused:
        return _page(" ".join(calm(refused)), refused.status)
    flash(word)
    return redirect(url_for("box.show"), 303)


def _page(problem: str = "", status: int = 200) -> ResponseReturnValue:
    network: dict[str, Any] = {}
    heard: list[dict[str, Any]] = []
    try:
        network = box.ask("network-status")
        heard = box.ask("wifi-list")["networks"] if network.get("radio") else []
    except NisseError as away:
        problem = problem or " ".join(calm(away))
    settings = portal().settings
    return render_template(
        "box.html",
        problem=problem,
        network=network,
        heard=heard,
        facts=box.facts(),
        report=box.presets_report(settings),
        name=settings.text("house.name"),
        erase=_ERASE,
    ), status
