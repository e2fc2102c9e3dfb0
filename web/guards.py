"""Who may call a route.  Every view declares its guard; one that does not is never served."""

import logging
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar, cast
from urllib.parse import urlsplit

from flask import Flask, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Unauthorized

from gas.domain.account import Account
from gas.domain.errors import JobNotFoundError, NotFoundError, OutageError
from gas.domain.job import Job
from gas.ports import Session
from web.context import this_web
from web.negotiation import wants_json

log = logging.getLogger(__name__)

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
STATIC_ENDPOINTS = frozenset({"static", "bootstrap.static"})
"""Views that Flask and Bootstrap-Flask bring along; they serve files that hold no data."""


class Guard(StrEnum):
    """Who may call a route."""

    PUBLIC = "public"
    SIGNED_IN = "signed-in"
    OPERATOR = "operator"


_GUARDS: dict[Callable[..., object], Guard] = {}

View = TypeVar("View", bound=Callable[..., ResponseReturnValue])


def public(view: View) -> View:
    """Anybody may call it."""
    _GUARDS[view] = Guard.PUBLIC
    return view


def signed_in(view: View) -> View:
    """Only somebody signed in may call it; `the_account()` is theirs."""
    _GUARDS[view] = Guard.SIGNED_IN
    return view


def operator(view: View) -> View:
    """Only an operator of the service may call it; for anybody else it is not there."""
    _GUARDS[view] = Guard.OPERATOR
    return view


def is_operator() -> bool:
    """Whether the caller is an operator by configuration."""
    account = find_account()
    return account is not None and account.user_id in this_web().settings.operators


def guard_of(app: Flask, endpoint: str) -> Guard | None:
    """The guard that the endpoint's view declares, None where it declares none."""
    if endpoint in STATIC_ENDPOINTS:
        return Guard.PUBLIC
    return _GUARDS.get(app.view_functions[endpoint])


def check_guards(app: Flask) -> None:
    """Refuse to serve an application with a route that nobody guards."""
    bare = [
        rule.endpoint for rule in app.url_map.iter_rules() if guard_of(app, rule.endpoint) is None
    ]
    if bare:
        raise RuntimeError(f"routes without a guard: {', '.join(sorted(bare))}")


def enforce(app: Flask) -> ResponseReturnValue | None:
    """Let the request through, or send the caller to sign in."""
    if request.endpoint is None or guard_of(app, request.endpoint) is Guard.PUBLIC:
        return None
    if find_account() is not None:
        if guard_of(app, request.endpoint) is Guard.OPERATOR and not is_operator():
            log.warning("somebody asked for an operator's page")
            raise NotFoundError("no such page")
        return None
    if wants_json() or request.method not in SAFE_METHODS:
        raise Unauthorized("You are not signed in, or your session has ended.")
    parts = urlsplit(request.full_path)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    return redirect(url_for("login.show", next=target))


def session_cookie_name() -> str:
    """`__Host-` ties the cookie to this host over https; http clients drop that prefix."""
    https = this_web().settings.base_url.startswith("https://")
    return "__Host-gas_session" if https else "gas_session"


def find_session() -> Session | None:
    """The caller's live session; raises OutageError."""
    if "session" not in g:
        session_id = request.cookies.get(session_cookie_name())
        g.session = None
        if session_id:
            try:
                g.session = this_web().outside.sessions.get(session_id)
            except NotFoundError:
                g.session = None
    return cast("Session | None", g.session)


def find_account() -> Account | None:
    """The caller's account, read fresh in this request; raises OutageError."""
    if "account" not in g:
        g.account = None
        session = find_session()
        if session is not None:
            try:
                account = this_web().outside.accounts.get(session.user_id)
            except NotFoundError:
                account = None
            if account is not None and account.erasing_at is None:
                g.account = account
    return cast("Account | None", g.account)


def viewer() -> Account | None:
    """Whom the page greets: as `find_account`, but nobody during an outage."""
    try:
        return find_account()
    except OutageError:
        return None


def the_account() -> Account:
    """The account behind a signed-in route."""
    account = find_account()
    if account is None:
        raise Unauthorized("You are not signed in, or your session has ended.")
    return account


def own_job(job_id: object) -> Job:
    """The caller's job; another person's is as absent as one that never was."""
    account = the_account()
    job = this_web().outside.jobs.get(str(job_id))
    if job.user_id != account.user_id:
        log.warning(
            "a job was asked for by somebody else",
            extra={"job_id": job.job_id, "user_id": account.user_id},
        )
        raise JobNotFoundError(f"no job {job.job_id}")
    return job
