"""The pages of a person's own account."""

import hmac
import logging

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from gas.domain.audit import Action
from gas.domain.errors import NotFoundError, RefusedError
from gas.domain.names import attachment
from web.account.export import export_of
from web.audit import record
from web.consent import TERMS_VERSION
from web.context import this_web
from web.guards import find_session, public, session_cookie_name, signed_in, the_account

log = logging.getLogger(__name__)

blueprint = Blueprint("account", __name__, url_prefix="/account")

ACTIVITY = 100
CONFIRMATION = "erase my account"


@blueprint.post("/consent")
@signed_in
def consent() -> ResponseReturnValue:
    """Agree to the terms as they stand."""
    shown = request.form.get("terms_version", "")
    if request.form.get("agree") != "yes" or not hmac.compare_digest(
        shown.encode(), TERMS_VERSION.encode()
    ):
        raise RefusedError(
            "consent-needed",
            "The box was not ticked, or the terms have changed since the page was opened.",
            "Open the page for a new annotation, read the terms and tick the box.",
        )
    this_web().outside.accounts.consent(the_account().user_id, TERMS_VERSION)
    record(Action.CONSENTED, detail=TERMS_VERSION)
    return redirect(url_for("annotate.show"), 303)


@blueprint.get("/sessions")
@signed_in
def sessions() -> ResponseReturnValue:
    """Where the person is signed in, and what was done in their name."""
    outside, account = this_web().outside, the_account()
    return render_template(
        "account/sessions.html",
        sessions=outside.sessions.of_user(account.user_id),
        current=_current_handle(),
        activity=outside.audit.of_user(account.user_id, limit=ACTIVITY),
    )


@blueprint.post("/sessions/<handle>/end")
@signed_in
def end_session(handle: str) -> ResponseReturnValue:
    """End one of the person's sessions; ending the one in use signs them out."""
    _end([handle])
    return redirect(url_for("account.sessions"), 303)


@blueprint.post("/sessions/end-others")
@signed_in
def end_other_sessions() -> ResponseReturnValue:
    """End every session of the person but the one in use."""
    open_sessions = this_web().outside.sessions.of_user(the_account().user_id)
    current = _current_handle()
    _end([each.handle for each in open_sessions if each.handle != current])
    return redirect(url_for("account.sessions"), 303)


@blueprint.get("/data")
@signed_in
def data() -> ResponseReturnValue:
    """What the service keeps of the person, the way to a copy, and the way to its end."""
    return render_template("account/data.html", confirmation=CONFIRMATION)


@blueprint.get("/export.json")
@signed_in
def export() -> ResponseReturnValue:
    """Everything the service knows of the person, with links to every file."""
    web, account = this_web(), the_account()
    record(Action.DATA_EXPORTED)
    response = Response(
        export_of(account, outside=web.outside, base_url=web.settings.base_url),
        mimetype="application/json",
    )
    response.headers["Content-Disposition"] = attachment("gas-export.json")
    return response


@blueprint.post("/erase")
@signed_in
def erase() -> ResponseReturnValue:
    """Close the account now; the sweeper removes every copy of everything in it."""
    web, account = this_web(), the_account()
    if request.form.get("confirm", "").strip().lower() != CONFIRMATION:
        raise RefusedError(
            "not-confirmed",
            "Nothing was erased: the words that confirm it were not typed.",
            f"Type “{CONFIRMATION}” into the field.",
        )
    web.outside.accounts.start_erasing(account.user_id)
    record(Action.ERASURE_ASKED)
    log.info("an account is to be erased", extra={"user_id": account.user_id})
    for each in web.outside.sessions.of_user(account.user_id):
        web.outside.sessions.revoke(account.user_id, each.handle)
        web.globus.revoke(each.tokens)
    response = redirect(url_for("account.erased"), 303)
    response.headers["Clear-Site-Data"] = '"cache", "cookies", "storage"'
    response.delete_cookie(session_cookie_name(), path="/")
    return response


@blueprint.get("/erased")
@public
def erased() -> ResponseReturnValue:
    """Say that it is done, and what happens now."""
    return render_template("account/erased.html")


def _current_handle() -> str:
    session = find_session()
    return this_web().outside.sessions.handle_of(session.session_id) if session else ""


def _end(handles: list[str]) -> None:
    web, account = this_web(), the_account()
    known = {each.handle: each for each in web.outside.sessions.of_user(account.user_id)}
    for handle in handles:
        if handle not in known:
            raise NotFoundError("no such session")
        web.outside.sessions.revoke(account.user_id, handle)
        web.globus.revoke(known[handle].tokens)
        record(Action.SESSION_REVOKED)
