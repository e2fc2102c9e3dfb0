"""`/healthz` for a load balancer, `/readyz` for people.

The first asks nothing of anybody: were every instance to fail because one store is down, the
load balancer would take them all out, and nobody could read so much as an error page.
"""

import logging
from collections.abc import Callable
from contextlib import suppress

from flask import Blueprint
from flask.typing import ResponseReturnValue

from gas.domain.errors import NotFoundError, TemporaryError
from web.context import this_web
from web.guards import public

log = logging.getLogger(__name__)

blueprint = Blueprint("health", __name__)

NOBODY = "readiness-check"
UNAVAILABLE = 503


@blueprint.get("/healthz")
@public
def healthz() -> ResponseReturnValue:
    """This process answers."""
    return {"status": "ok"}


@blueprint.get("/readyz")
@public
def readyz() -> ResponseReturnValue:
    """Everything a page needs answers; which part does not, by name only."""
    outside = this_web().outside
    checks: dict[str, Callable[[], object]] = {
        "accounts": lambda: outside.accounts.get(NOBODY),
        "jobs": lambda: outside.jobs.get(NOBODY),
        "inputs": lambda: outside.inputs.head(NOBODY),
        "results": lambda: outside.results.head(NOBODY),
    }
    found = {name: _answers(name, check) for name, check in checks.items()}
    ready = all(found.values())
    body = {"status": "ok" if ready else "unavailable", "checks": found}
    return body, 200 if ready else UNAVAILABLE


def _answers(name: str, check: Callable[[], object]) -> bool:
    try:
        with suppress(NotFoundError):
            check()
    except TemporaryError:
        log.warning("a part of the service does not answer", extra={"part": name})
        return False
    return True
