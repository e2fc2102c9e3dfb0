"""Every request has an id: on its answer, on its error page, and on each line logged for it."""

import logging
import time
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask, g, request
from werkzeug.wrappers import Response

from gas.log import context

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

ENVIRON_KEY = "gas.request_id"
QUIET_ENDPOINTS = frozenset({"static", "bootstrap.static", "health.healthz"})


class RequestIds:
    """WSGI middleware that gives the request its id before anything else looks at it."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer the request, everything logged meanwhile carrying its id."""
        environ[ENVIRON_KEY] = uuid.uuid4().hex
        with context(request_id=environ[ENVIRON_KEY]):
            return self._app(environ, start_response)


def request_id() -> str:
    """The id of the request being answered."""
    return str(request.environ.get(ENVIRON_KEY, ""))


def register_requests(app: Flask) -> None:
    """Time each request, and log one line of it: the rule it met, never its query."""
    app.before_request(_start)
    app.after_request(_finish)


def _start() -> None:
    g.started = time.perf_counter()


def _finish(response: Response) -> Response:
    response.headers["X-Request-Id"] = request_id()
    if request.endpoint not in QUIET_ENDPOINTS:
        account = g.get("account")
        log.info(
            "a request was answered",
            extra={
                "method": request.method,
                "route": request.url_rule.rule if request.url_rule else None,
                "status": response.status_code,
                "ms": round((time.perf_counter() - g.get("started", time.perf_counter())) * 1000),
                "user_id": account.user_id if account else None,
            },
        )
    return response
