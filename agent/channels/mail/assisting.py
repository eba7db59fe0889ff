"""Help with the mail form: the servers that belong to an address, and a provider's permission.

Owns: what the portal's buttons Find servers and Get permission answer (see `nisse assist`).
Does not know: the portal. Not imported by the running channel: it alone asks servers that no setting names, and only when told to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agent.channels.mail import autoconfig, oauth, providers
from agent.channels.mail.account import permission_client
from agent.channels.mail.providers import Endpoint, Provider
from agent.errors import NotFoundError, SettingsError
from agent.settings import Settings


def suggest(_settings: Settings, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The servers of an address.

    Args:
        asked: `address`, and `outside`: whether the provider, Mozilla's directory and the DNS may be asked for its domain.

    Raises:
        NotFoundError: Nobody knows them.
    """
    address = str(asked.get("address", "")).strip()
    domain = autoconfig.domain_of(address)
    known = providers.of_address(address)
    if known is None and not asked.get("outside"):
        raise NotFoundError(
            f"{domain} is not in my own table.",
            hint="I can ask the provider if you allow it, or type in the servers' names from its help pages.",
        )
    if known is None:
        server = autoconfig.mail_server(domain)
        known = providers.of_mail_server(server)
        if known is None:
            return _as_said(autoconfig.look_up(address, autoconfig.fetch, server))
    return _as_known(known, address)


def permit(settings: Settings, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Asks the owner for the provider's permission, or fetches it.

    Args:
        settings: As the mailbox has them.
        asked: `device_code` of an earlier call fetches the permission; without it, a new question begins.

    Raises:
        SettingsError: There is no client id, or the provider knows no such way.
        AuthenticationError: The owner said no, or the time is up.
    """
    client = permission_client(settings)
    if not client.client_id:
        raise SettingsError("The client id is missing.", hint="Make a registration at the provider first.")
    device_code = str(asked.get("device_code", ""))
    if device_code:
        return {"permission": oauth.fetch_permission(client, device_code)}
    if not client.device_url:
        raise SettingsError(
            "This provider gives no permission by code.",
            hint="Get a refresh token with a program of its own, and paste it into the field Permission.",
        )
    question = oauth.ask_owner(client)
    return {
        "code": question.code,
        "url": question.url,
        "device_code": question.device_code,
        "every": question.every,
        "lasts": question.lasts,
    }


def known(_settings: Settings, _asked: Mapping[str, Any]) -> dict[str, Any]:
    """All providers of the table, with what must be clicked there."""
    return {
        "providers": [
            {"title": one.title, "steps": list(one.steps), "url": one.url, "password": one.password}
            for one in providers.everybody()
        ]
    }


TASKS: dict[str, Callable[[Settings, Mapping[str, Any]], dict[str, Any]]] = {
    "suggest": suggest,
    "permit": permit,
    "known": known,
}


def _as_known(provider: Provider, address: str) -> dict[str, Any]:
    user = provider.login(address)
    login = "oauth2" if provider.password == "oauth2" else "password"  # noqa: S105 - a kind of login
    values = _values(provider.imap, provider.smtp, "" if user == address else user, login)
    return {
        "title": provider.title,
        "values": values,
        "steps": list(provider.steps),
        "url": provider.url,
        "password": provider.password,
        "asked": "",
    }


def _as_said(found: autoconfig.Found) -> dict[str, Any]:
    return {
        "title": found.title,
        "values": _values(found.imap, found.smtp, found.user, found.login),
        "steps": [],
        "url": "",
        "password": "oauth2" if found.login == "oauth2" else "usual",
        "asked": found.asked,
    }


def _values(imap: Endpoint, smtp: Endpoint, user: str, login: str) -> dict[str, str]:
    servers = {"imap": imap, "smtp": smtp}
    values = {"mail.user": user, "mail.login": login}
    for kind, server in servers.items():
        values |= {
            f"mail.{kind}_host": server.host,
            f"mail.{kind}_port": str(server.port),
            f"mail.{kind}_security": server.security,
        }
    return values
