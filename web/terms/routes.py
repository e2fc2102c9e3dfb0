"""The page of the terms."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from web.consent import TERMS_VERSION
from web.context import this_web
from web.guards import public

blueprint = Blueprint("terms", __name__)


@blueprint.get("/terms")
@public
def show() -> ResponseReturnValue:
    """What is kept, how long, who sees it, and how to have it removed."""
    return render_template("terms/terms.html", version=TERMS_VERSION, settings=this_web().settings)
