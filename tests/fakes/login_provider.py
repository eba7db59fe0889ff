"""A mail provider's login as OAuth 2.0 has it, over a real socket: tokens (RFC 6749), device logins (RFC 8628), introspection (RFC 7662).

Owns: which permissions and tokens hold, as the test and the protocol have it.
Does not know: mail.
"""

from __future__ import annotations

import secrets
from typing import Any, Self

from flask import Flask, request
from flask.typing import ResponseReturnValue

from tests.live.served import Served

CLIENT = "the-owners-own-client"
_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class LoginProvider:
    """One provider with one user."""

    def __init__(self, user: str, *, lasts: int = 3600, replaces: bool = False) -> None:
        """Nobody has a permission yet.

        Args:
            user: Whose tokens they are.
            lasts: Seconds that an access token holds, as it is told.
            replaces: Whether each use of a permission puts another in its place, and ends it.
        """
        self.user = user
        self.permissions: set[str] = set()
        self.tokens: set[str] = set()
        self.asked: list[dict[str, str]] = []  # the forms that came to the token address
        self.said_yes = False
        self._lasts = lasts
        self._replaces = replaces
        self._device_code = ""
        app = Flask("login")
        app.add_url_rule("/device", view_func=self._device, methods=["POST"])
        app.add_url_rule("/token", view_func=self._token, methods=["POST"])
        app.add_url_rule("/introspect", view_func=self._introspect)
        self._served = Served(app)
        self.url = self._served.url

    def __enter__(self) -> Self:
        self._served.__enter__()
        return self

    def __exit__(self, *reason: object) -> None:
        self._served.__exit__(*reason)

    def permit(self) -> str:
        """A permission (refresh token), as if the user had given it before."""
        permission = f"permission-{secrets.token_hex(8)}"
        self.permissions.add(permission)
        return permission

    def _device(self) -> ResponseReturnValue:
        if request.form.get("client_id") != CLIENT:
            return {"error": "unauthorized_client", "error_description": "AADSTS700016: not found."}, 400
        self._device_code = secrets.token_hex(8)
        return {
            "device_code": self._device_code,
            "user_code": "WDJB-MJHT",
            "verification_uri": "https://login.example/device",
            "expires_in": 900,
            "interval": 1,
        }

    def _token(self) -> ResponseReturnValue:
        form = dict(request.form)
        self.asked.append(form)
        if form.get("client_id") != CLIENT:
            return {"error": "invalid_client"}, 401
        if form.get("grant_type") == _DEVICE_GRANT:
            return self._answered(form.get("device_code", ""))
        permission = form.get("refresh_token", "")
        if permission not in self.permissions:
            return {"error": "invalid_grant", "error_description": "Token has been revoked."}, 400
        if self._replaces:
            self.permissions.discard(permission)
            return self._granted(self.permit())
        return self._granted("")

    def _answered(self, device_code: str) -> ResponseReturnValue:
        if device_code != self._device_code:
            return {"error": "expired_token"}, 400
        return self._granted(self.permit()) if self.said_yes else ({"error": "authorization_pending"}, 400)

    def _granted(self, permission: str) -> dict[str, Any]:
        token = f"token-{secrets.token_hex(8)}"
        self.tokens.add(token)
        body: dict[str, Any] = {"access_token": token, "token_type": "Bearer", "expires_in": self._lasts}
        return body | ({"refresh_token": permission} if permission else {})

    def _introspect(self) -> ResponseReturnValue:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            return {"active": False}, 401
        return {"active": True, "email": self.user}
