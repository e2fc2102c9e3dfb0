"""The page of the mails that were kept instead of sent."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from gas.domain.errors import NotFoundError
from web.context import this_web
from web.guards import signed_in, the_account

blueprint = Blueprint("mailbox", __name__)

SHOWN = 50


@blueprint.get("/mailbox")
@signed_in
def index() -> ResponseReturnValue:
    """The signed-in person's mails, newest first; nobody else's."""
    mailbox, account = this_web().mailbox, the_account()
    if mailbox is None:
        raise NotFoundError("mails are sent, not kept")
    mails = mailbox.mails(to=account.email, limit=SHOWN) if account.email else []
    return render_template("mailbox/index.html", mails=mails, email=account.email)
