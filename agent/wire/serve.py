"""Serving HTTP: what every service answers alike, and the door it stands behind.

Owns: `GET /health`, `/info` and `/metrics`, the token, the guard against browsers, the limit on bodies, errors as JSON, and the
production server.
Does not know: any service's own routes.
"""

from __future__ import annotations

import hmac
import json
import logging
import signal
import sys
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import prometheus_client
import waitress
from flask import Flask, Response, jsonify, request
from flask.typing import ResponseReturnValue
from waitress.channel import HTTPChannel
from waitress.task import ErrorTask
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from agent import logs
from agent.errors import (
    AuthenticationError,
    ForbiddenError,
    NisseError,
    RequestError,
    SettingsError,
    TooLargeError,
)
from agent.settings import Secret
from agent.wire.address import is_loopback

_log = logging.getLogger(__name__)

THREADS = 32  # long polls and streams hold one each
MEGABYTE = 1_000_000
_FAR_BEYOND = 4

_requests = prometheus_client.Counter(
    "nisse_requests_total", "Requests answered", ["method", "route", "status"]
)
_seconds = prometheus_client.Histogram("nisse_request_seconds", "Time to the answer's first byte", ["route"])


def service(
    name: str,
    url: str,
    token: Secret,
    *,
    max_body: int,
    info: Callable[[], dict[str, Any]],
    admits: Callable[[str], bool] | None = None,
) -> Flask:
    """A Flask application with all that services share; the service adds its own routes.

    Args:
        name: The service's name.
        url: Its address, as the settings have it.
        token: What callers must show; may be empty on loopback only.
        max_body: Largest request body, in bytes.
        info: What the service says of itself at `/info`, and in part at `/health`: a key `ready` (bool), and `state`, a sentence.
        admits: Whether who shows this instead of the token may come in too; it can refuse with an error of its own.

    Raises:
        SettingsError: The address is not loopback and there is no token.
    """
    if not token and not is_loopback(urlsplit(url).hostname or ""):
        raise SettingsError(
            f"{name} would be open to the network without a token.",
            hint=f"Set {name}.token, or {name}.url to 127.0.0.1.",
        )
    app = Flask(name, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = max_body
    app.json.sort_keys = False  # type: ignore[attr-defined]
    _guard(app, url, token, admits)
    _describe(app, name, info)
    answer_errors(app)
    _measure(app)
    return app


def run(app: Flask, url: str, *, leaving: Callable[[], None] = lambda: None) -> None:
    """Serves until SIGTERM or SIGINT, then returns.

    Args:
        app: The application.
        url: `http://host:port` to listen on.
        leaving: As for `serve_at`.
    """
    place = urlsplit(url)
    serve_at(
        app,
        place.hostname or "127.0.0.1",
        place.port or 80,
        max_body=int(app.config["MAX_CONTENT_LENGTH"]),
        leaving=leaving,
    )


def serve_at(
    app: Flask, host: str, port: int, *, max_body: int, leaving: Callable[[], None] = lambda: None
) -> None:
    """Serves on one address until SIGTERM or SIGINT.

    Args:
        app: The application.
        host: Address to listen on.
        port: Port to listen on.
        max_body: Largest request body, in bytes.
        leaving: Called at SIGTERM, before the server waits for open answers; it must not take time.
    """
    _leave_at_sigterm(leaving)
    try:
        server = waitress.create_server(
            app,
            host=host,
            port=port,
            threads=THREADS,
            ident="nisse",
            # The application refuses what is over `max_body`, once it was read: whoever is cut off while still sending sees a broken
            # connection instead of the refusal. Only what is far beyond it is cut off.
            max_request_body_size=_FAR_BEYOND * max_body,
            max_request_header_size=32_768,
            channel_timeout=120,
            channel_request_lookahead=1,  # lets a worker see that its client has hung up
        )
    except OSError as failed:
        raise SettingsError(
            f"{app.name} cannot listen on {host}:{port}: {failed.strerror}.",
            hint="Is another Nisse running on this machine?",
        ) from failed
    server.channel_class = _Channel
    logs.event(_log, "service.listens", address=f"{host}:{port}")
    server.run()


def hung_up() -> bool:
    """Whether the client of the request at hand has closed its connection."""
    ask = request.environ.get("waitress.client_disconnected")
    return bool(ask and ask())


def json_body() -> dict[str, Any]:
    """The request's JSON object.

    Raises:
        RequestError: There is none, or it is no object.
    """
    if not request.is_json:
        raise RequestError("The body must be a JSON object.", hint="Send Content-Type: application/json.")
    try:
        body = json.loads(request.get_data())
    except (ValueError, RecursionError) as wrong:  # UnicodeDecodeError is a ValueError
        raise RequestError(f"The body is not JSON: {wrong}.") from wrong
    if not isinstance(body, dict):
        raise RequestError("The body must be a JSON object.")
    return body


def answer_errors(app: Flask) -> None:
    """Turns every error of this application into a JSON body with the right status."""

    @app.errorhandler(NisseError)
    def ours(error: NisseError) -> ResponseReturnValue:
        if error.status >= 500:
            logs.event(_log, "request.failed", level=logging.WARNING, route=request.path, error=error)
        answer = jsonify(error.to_json())
        answer.status_code = error.status
        if error.retry_after is not None:
            answer.headers["Retry-After"] = str(max(1, round(error.retry_after)))
        return answer

    @app.errorhandler(HTTPException)
    def flasks(error: HTTPException) -> ResponseReturnValue:
        if error.code == 413:
            return ours(_too_large(int(app.config["MAX_CONTENT_LENGTH"])))
        message, code, headers = error.description, None, {}
        if isinstance(error, MethodNotAllowed):
            methods = [name for name in sorted(error.valid_methods or ()) if name not in ("HEAD", "OPTIONS")]
            message, code = f"Only {' and '.join(methods)} requests are accepted.", "method_not_supported"
            headers["Allow"] = ", ".join(methods)
        elif error.code == 404:
            message = f"Invalid URL ({request.method} {request.path[:200]})"
        body = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
        return jsonify({"error": body}), error.code or 500, headers

    @app.errorhandler(Exception)
    def unforeseen(error: Exception) -> ResponseReturnValue:
        _log.error("request.broke route=%s", request.path, exc_info=error)
        return ours(NisseError("Something went wrong inside.", hint="The log of this service says what."))


def _guard(app: Flask, url: str, token: Secret, admits: Callable[[str], bool] | None) -> None:
    host = urlsplit(url).hostname or ""

    @app.before_request
    def guard() -> None:
        # A browser on this machine must not be talked into calling a service (DNS rebinding, cross-site requests).
        if "Origin" in request.headers or request.headers.get("Sec-Fetch-Site", "none") not in (
            "none",
            "same-origin",
        ):
            raise ForbiddenError("Services do not answer web pages.")
        if is_loopback(host) and not is_loopback(urlsplit(f"//{request.host}").hostname or ""):
            raise ForbiddenError("This service answers by its loopback address only.")
        if request.path == "/health":
            return
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        known = hmac.compare_digest(
            shown.encode(), token.reveal().encode()
        )  # nothing, where nothing is asked for
        if not known and not (shown and admits(shown) if admits else not token):
            raise AuthenticationError(
                "The token is missing or wrong.", hint="Send Authorization: Bearer TOKEN."
            )


def _describe(app: Flask, name: str, info: Callable[[], dict[str, Any]]) -> None:
    @app.get("/health")
    def health() -> ResponseReturnValue:
        facts = info()
        ready = bool(facts.get("ready", True))
        return {"service": name, "ready": ready, "state": facts.get("state", "")}, 200 if ready else 503

    @app.get("/info")
    def tell() -> ResponseReturnValue:
        return {"service": name, **info()}

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(
            prometheus_client.generate_latest(), content_type=prometheus_client.CONTENT_TYPE_LATEST
        )


def _measure(app: Flask) -> None:
    @app.before_request
    def begin() -> None:
        request.environ["nisse.began"] = time.perf_counter()

    @app.after_request
    def end(answer: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else "none"
        _requests.labels(request.method, route, answer.status_code).inc()
        if "nisse.began" in request.environ:
            _seconds.labels(route).observe(time.perf_counter() - request.environ["nisse.began"])
        return answer


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(f"That is larger than {limit // MEGABYTE} MB.", hint="Send less at a time.")


class _Refusal(ErrorTask):  # type: ignore[misc]
    """What the server refuses before the application sees it - too large, or no HTTP - in the form of all errors."""

    def execute(self) -> None:
        refused = self.request.error
        limit = int(self.channel.server.adj.max_request_body_size)
        ours = _too_large(limit) if refused.code == 413 else RequestError(f"{refused.reason}: {refused.body}")
        body = json.dumps(ours.to_json()).encode()
        self.status = f"{refused.code} {refused.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Channel(HTTPChannel):  # type: ignore[misc]
    error_task_class = _Refusal


def _leave_at_sigterm(leaving: Callable[[], None]) -> None:
    def leave(_signal: int, _frame: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
        leaving()
        sys.exit(0)

    signal.signal(signal.SIGTERM, leave)
