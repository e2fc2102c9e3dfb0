"""The public front page: what this is, what it takes, and whether it works."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from web.context import this_web
from web.guards import public

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
@public
def index() -> ResponseReturnValue:
    """The front page."""
    web = this_web()
    return render_template("home/index.html", queue=web.queue.look())
