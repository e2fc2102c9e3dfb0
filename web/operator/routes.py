"""The operator's page."""

from collections import Counter

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from gas.domain.job import Status
from gas.domain.message import Queue
from web.context import this_web
from web.guards import operator

blueprint = Blueprint("operator", __name__)

LOOKED_AT = 1000
"""Unfinished jobs looked at; with more the counts are said to be at least so many."""


@blueprint.get("/operator")
@operator
def show() -> ResponseReturnValue:
    """How the service stands; no person's name, no file's name."""
    outside = this_web().outside
    queues = [
        {
            "name": queue.value,
            "depth": outside.inbox(queue).depth(),
            "dead": outside.dead_inbox(queue).depth(),
        }
        for queue in Queue
    ]
    now = outside.clock.now()
    statuses: Counter[Status] = Counter()
    workers: Counter[str] = Counter()
    overdue = 0
    for number, job in enumerate(outside.jobs.unfinished()):
        if number == LOOKED_AT:
            break
        statuses[job.status] += 1
        if job.status is Status.RUNNING and job.leased_until is not None:
            if job.leased_until < now:
                overdue += 1
            else:
                workers[job.owner or "?"] += 1
    return render_template(
        "operator/operator.html",
        queues=queues,
        waiting=statuses[Status.PENDING],
        running=statuses[Status.RUNNING],
        overdue=overdue,
        cut=sum(statuses.values()) == LOOKED_AT,
        workers=sorted(workers.items()),
        accounts=outside.accounts.count(),
        erasing=len(outside.accounts.erasing()),
    )
