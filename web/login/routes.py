"""The pages of signing in and out."""

import hmac
import logging
import secrets
from datetime import datetime, timedelta

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from gas.domain.audit import Action
from gas.domain.errors import ForbiddenError, NotFoundError, OutageError, RefusedError
from web.audit import record
from web.context import this_web
from web.errors import EXPLANATIONS, UNAVAILABLE
from web.guards import find_session, public, session_cookie_name, viewer
from web.limits import check_login
from web.login.globus import Identity
from web.login.person import clean_email, clean_name
from web.login.target import safe_target
from web.requests import request_id

log = logging.getLogger(__name__)

blueprint = Blueprint("login", __name__)

LOGIN_TIME = timedelta(minutes=10)
STATE = "login"


@blueprint.get("/login")
@public
def show() -> ResponseReturnValue:
    """The page with the way to Globus."""
    target = safe_target(request.args.get("next"))
    if viewer() is not None:
        return redirect(target)
    return render_template(
        "login/login.html", target=target, is_standin=this_web().settings.is_local
    )


@blueprint.get("/login/start")
@public
def start() -> ResponseReturnValue:
    """Send the browser to Globus, remembering only the state it must bring back."""
    web = this_web()
    check_login()
    target = safe_target(request.args.get("next"))
    state = secrets.token_urlsafe(32)
    try:
        address = web.globus.authorize_url(state)
    except OutageError:
        return _unavailable(target)
    session.clear()
    session[STATE] = {
        "state": state,
        "next": target,
        "at": web.outside.clock.now().isoformat(),
    }
    return redirect(address)


@blueprint.get("/login/callback")
@public
def callback() -> ResponseReturnValue:
    """Globus sends the browser back: check everything, then begin a session."""
    web = this_web()
    begun = session.pop(STATE, None)
    state = request.args.get("state", "")
    if not _is_ours(begun, state):
        raise RefusedError(
            "login-state",
            "This sign-in was not begun in this browser, or too long ago.",
            "Start the sign-in again from this site.",
        )
    if "error" in request.args or not request.args.get("code"):
        raise RefusedError(
            "login-refused",
            "The sign-in service says that the sign-in did not go through.",
            "Start again, and agree to share your name and e-mail address.",
        )
    try:
        identity = web.globus.sign_in(request.args["code"], state)
    except OutageError:
        return _unavailable(begun["next"])
    return _begin_session(identity, begun["next"])


@blueprint.post("/logout")
@public
def logout() -> ResponseReturnValue:
    """End the session here, and make its tokens useless at Globus."""
    web = this_web()
    current = find_session()
    if current is not None:
        web.outside.sessions.end(current.session_id)
        web.globus.revoke(current.tokens)
        record(Action.LOGGED_OUT, user_id=current.user_id)
        log.info("a person signed out", extra={"user_id": current.user_id})
    session.clear()
    response = redirect(url_for("login.signed_out"))
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    _drop_cookie(response)
    return response


@blueprint.get("/login/ended")
@public
def signed_out() -> ResponseReturnValue:
    """Say so, and how to end the session at Globus too."""
    return render_template(
        "login/signed_out.html",
        globus_logout=f"{this_web().settings.globus_auth_url}/v2/web/logout",
    )


def _is_ours(begun: object, state: str) -> bool:
    if not isinstance(begun, dict):
        return False
    age = this_web().outside.clock.now() - datetime.fromisoformat(str(begun["at"]))
    known = str(begun["state"]).encode()
    return hmac.compare_digest(known, state.encode()) and age < LOGIN_TIME


def _begin_session(identity: Identity, target: str) -> Response:
    web = this_web()
    email = clean_email(identity.email)
    name = clean_name(identity.name) or email or "Unnamed"
    account = web.outside.accounts.save_login(
        identity.user_id,
        name=name,
        email=email,
        institution=clean_name(identity.institution),
    )
    if account.erasing_at is not None:
        web.globus.revoke(identity.tokens)
        raise ForbiddenError(
            "being-erased",
            "This account is being erased, with everything in it, as you asked.",
            "Sign in again in an hour to begin with a new, empty account.",
        )
    _end_former_session()
    started = web.outside.sessions.start(
        identity.user_id,
        identity.tokens,
        client=clean_name(request.user_agent.string),
    )
    record(Action.LOGGED_IN, user_id=identity.user_id)
    session.clear()
    log.info("a person signed in", extra={"user_id": identity.user_id})
    response = redirect(safe_target(target))
    response.set_cookie(
        session_cookie_name(),
        started.session_id,
        max_age=web.settings.session_age,
        secure=web.settings.base_url.startswith("https://"),
        httponly=True,
        samesite="Lax",
        path="/",
    )
    return response


def _end_former_session() -> None:
    """A new login never lives on under an id that was known before it."""
    web = this_web()
    former_id = request.cookies.get(session_cookie_name())
    if not former_id:
        return
    try:
        former = web.outside.sessions.get(former_id)
    except NotFoundError:
        return
    web.outside.sessions.end(former_id)
    web.globus.revoke(former.tokens)


def _drop_cookie(response: Response) -> None:
    response.delete_cookie(
        session_cookie_name(),
        path="/",
        secure=this_web().settings.base_url.startswith("https://"),
        httponly=True,
        samesite="Lax",
    )


def _unavailable(target: str) -> ResponseReturnValue:
    known = EXPLANATIONS[UNAVAILABLE]
    page = render_template(
        "login/unavailable.html", title=known.title, target=target, request_id=request_id()
    )
    return page, UNAVAILABLE, {"Retry-After": "10"}
