"""The page of the mails that were kept instead of sent."""

from typing import cast

from flask import Blueprint, Response, render_template
from flask.typing import ResponseReturnValue

from gas.domain.errors import NotFoundError
from web.context import this_web
from web.guards import signed_in, the_account
from web.mailbox.port import Mailbox, WrittenMail

blueprint = Blueprint("mailbox", __name__)

SEARCHED = 1000
SHOWN = 50


@blueprint.get("/mailbox")
@signed_in
def index() -> ResponseReturnValue:
    """The signed-in person's mails, newest first; nobody else's."""
    mails = [kept for kept in _mailbox().list(limit=SEARCHED) if _is_own(kept)]
    return render_template("mailbox/index.html", mails=mails[:SHOWN], email=the_account().email)


@blueprint.get("/mailbox/<box_id>.eml")
@signed_in
def eml(box_id: str) -> ResponseReturnValue:
    """One of the person's mails, for a mail program."""
    if not _is_own(_mailbox().get(box_id)):
        raise NotFoundError("no such mail")
    return Response(
        _mailbox().eml(box_id),
        mimetype="message/rfc822",
        headers={"Content-Disposition": 'attachment; filename="mail.eml"'},
    )


def _mailbox() -> Mailbox:
    # The blueprint is registered only where there is a mailbox.
    return cast("Mailbox", this_web().mailbox)


def _is_own(kept: WrittenMail) -> bool:
    email = the_account().email
    return bool(email) and kept.mail.to == email
