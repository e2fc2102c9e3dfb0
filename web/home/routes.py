"""The public front page: what this is, what it takes, and whether it works."""

import logging

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from gas.domain.errors import OutageError
from web.context import this_web
from web.guards import public
from web.queue import Snapshot

log = logging.getLogger(__name__)

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
@public
def index() -> ResponseReturnValue:
    """The front page."""
    plan = this_web().settings.plan
    return render_template("home/index.html", plan=plan, queue=_queue())


def _queue() -> Snapshot | None:
    """The queue, or nothing where the store cannot be asked: the page stands all the same."""
    try:
        return this_web().queue.now()
    except OutageError:
        log.warning("the queue cannot be shown")
        return None
