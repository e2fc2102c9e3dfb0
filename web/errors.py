"""Domain error -> HTTP, in one table; and what each error page tells the reader to do next."""

import logging
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from flask import Flask, jsonify, make_response, render_template
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from gas.domain.errors import (
    AlreadyExistsError,
    ForbiddenError,
    GasError,
    IllegalMoveError,
    NotFoundError,
    ObjectChangedError,
    QuotaError,
    RefusedError,
    TemporaryError,
    TooLargeError,
    TooManyError,
)
from web.negotiation import PROBLEM, wants_json
from web.requests import request_id

log = logging.getLogger(__name__)

STATUS_OF: tuple[tuple[type[GasError], int], ...] = (
    (TooLargeError, 413),
    (TooManyError, 429),
    (QuotaError, 429),
    (ForbiddenError, 403),
    (RefusedError, 400),
    (NotFoundError, 404),
    (AlreadyExistsError, 409),
    (ObjectChangedError, 409),
    (IllegalMoveError, 409),
    (TemporaryError, 503),
)
"""The first row that fits decides."""

SERVER_ERROR = 500
UNAVAILABLE = 503
OUTAGE_PAUSE = timedelta(seconds=5)


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What an error page says: what happened, and what to do next."""

    title: str
    detail: str
    hint: str


EXPLANATIONS: dict[int, Explanation] = {
    400: Explanation(
        title="This request cannot be understood",
        detail="Something in the address or in the form is not what this page expects.",
        hint="Go back, load the page again and repeat what you did.",
    ),
    401: Explanation(
        title="Please sign in",
        detail="You are not signed in, or your session has ended.",
        hint="Sign in, then repeat what you did.",
    ),
    403: Explanation(
        title="This is not allowed",
        detail="The request was understood and turned down.",
        hint="If you came here from another site, open the page from our own menu.",
    ),
    404: Explanation(
        title="Nothing here",
        detail="There is no such page, or it is not yours to see.",
        hint="Check the address, or look for the annotation in your list.",
    ),
    405: Explanation(
        title="This address does not work that way",
        detail="The page exists but does not answer this kind of request.",
        hint="Open it from the menu instead of reloading the result of a form.",
    ),
    409: Explanation(
        title="Something changed meanwhile",
        detail="What you asked for no longer fits what is there.",
        hint="Load the page again to see how things are now.",
    ),
    413: Explanation(
        title="Too large",
        detail="What was sent is larger than this service takes here.",
        hint="Files are uploaded on the page for a new annotation, which shows your limit.",
    ),
    415: Explanation(
        title="This kind of content is not taken here",
        detail="The request carries something this page cannot read.",
        hint="Use the form on the page, or send JSON.",
    ),
    429: Explanation(
        title="Too many requests",
        detail="Requests came faster than this service answers them for one person.",
        hint="Wait a moment, then try again.",
    ),
    500: Explanation(
        title="Something went wrong on our side",
        detail="The error has been recorded. Your files and annotations are not affected.",
        hint="Try again. If it happens again, tell the people who run this service the request ID.",
    ),
    503: Explanation(
        title="The service cannot answer right now",
        detail="A part of the service cannot be reached. Nothing that was submitted is lost.",
        hint="Try again in a moment.",
    ),
}


def status_of(error: GasError) -> int:
    """The HTTP status of a failure raised on purpose."""
    return next((status for kind, status in STATUS_OF if isinstance(error, kind)), SERVER_ERROR)


def register_errors(app: Flask) -> None:
    """Answer every failure with a page, or a problem document (RFC 9457)."""
    app.register_error_handler(GasError, _of_domain)
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(Exception, _of_bug)


def _of_domain(error: GasError) -> ResponseReturnValue:
    status = status_of(error)
    known = EXPLANATIONS[status]
    if isinstance(error, RefusedError):
        response = _answer(status, error.message, error.hint or known.hint, code=error.code)
        if isinstance(error, TooManyError):
            response.headers["Retry-After"] = _whole_seconds(error.retry_after)
        return response
    if status == SERVER_ERROR:
        return _of_bug(error)
    log.warning("a request failed", extra={"status": status, "reason": str(error)})
    response = _answer(status, known.detail, known.hint)
    if isinstance(error, TemporaryError):
        response.headers["Retry-After"] = _whole_seconds(error.retry_after or OUTAGE_PAUSE)
    return response


def _whole_seconds(span: timedelta) -> str:
    return str(max(1, ceil(span.total_seconds())))


def _of_http(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None:
        return error.get_response()
    status = error.code or SERVER_ERROR
    known = EXPLANATIONS.get(status, EXPLANATIONS[SERVER_ERROR if status > SERVER_ERROR else 400])
    if isinstance(error, CSRFError):
        response = _answer(
            status,
            "The form you sent was made for another session, or the browser keeps no cookies.",
            "Load the page again and repeat what you did.",
            code="stale-form",
        )
    else:
        response = _answer(status, known.detail, known.hint)
    for name, value in error.get_headers():
        if name not in {"Content-Type", "Content-Length"}:
            response.headers[name] = value
    return response


def _of_bug(error: Exception) -> ResponseReturnValue:
    log.error("a request met a bug", exc_info=error)
    known = EXPLANATIONS[SERVER_ERROR]
    return _answer(SERVER_ERROR, known.detail, known.hint)


def _answer(status: int, detail: str, hint: str, *, code: str = "") -> Response:
    known = EXPLANATIONS.get(status, EXPLANATIONS[400])
    if wants_json():
        body = {
            "type": "about:blank",
            "title": known.title,
            "status": status,
            "detail": detail,
            "hint": hint,
            "code": code or f"http-{status}",
            "request_id": request_id(),
        }
        response = jsonify(body)
        response.content_type = PROBLEM
        response.status_code = status
        return response
    page = render_template(
        "errors/error.html",
        status=status,
        title=known.title,
        detail=detail,
        hint=hint,
        code=code,
        request_id=request_id(),
    )
    return make_response(page, status)
