"""The pages of the owner's annotations."""

import logging
from datetime import timedelta
from uuid import UUID, uuid4

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from gas.domain.errors import ForbiddenError, NotFoundError, StaleJobError
from gas.domain.job import Job, ObjectKind, Status
from gas.erase import Eraser
from gas.ports import Page
from web.annotate.fields import read_wish_id, sent_fields
from web.annotate.rerun import rerun
from web.annotations.log import read_part
from web.annotations.view import JobView, Result, may_fetch, result_of, view_of
from web.context import this_web
from web.guards import own_job, signed_in, the_account

log = logging.getLogger(__name__)

blueprint = Blueprint("annotations", __name__)

PAGE_SIZE = 20
CANCEL_TRIES = 5
LONGEST_TOKEN = 2000


@blueprint.get("/annotations")
@signed_in
def index() -> ResponseReturnValue:
    """The list, newest first."""
    page = _page()
    return render_template(
        "annotations/list.html",
        views=_views(page),
        next_token=page.next_token,
        token=request.args.get("page"),
        live_url=url_for("annotations.live_list", page=request.args.get("page")),
    )


@blueprint.get("/annotations/live")
@signed_in
def live_list() -> ResponseReturnValue:
    """The rows of that page of the list as they are now."""
    views = _views(_page())
    html = render_template("annotations/_rows.html", views=views)
    return {"html": html, "live": any(not view.job.is_terminal for view in views)}


@blueprint.get("/annotations/<uuid:job_id>")
@signed_in
def details(job_id: UUID) -> ResponseReturnValue:
    """One annotation."""
    view = _view(own_job(job_id))
    return render_template("annotations/details.html", view=view, wish_id=uuid4())


@blueprint.get("/annotations/<uuid:job_id>/live")
@signed_in
def live_details(job_id: UUID) -> ResponseReturnValue:
    """The changing part of the page as it is now."""
    view = _view(own_job(job_id))
    return {
        "html": render_template("annotations/_state.html", view=view),
        "live": view.live,
        "status": view.job.status.value,
    }


@blueprint.get("/annotations/<uuid:job_id>/log", endpoint="log")
@signed_in
def show_log(job_id: UUID) -> ResponseReturnValue:
    """The log as text, in parts."""
    job = own_job(job_id)
    stored = job.object_of(ObjectKind.LOG)
    if stored is None:
        raise NotFoundError("the job has no log")
    number = request.args.get("part", "1")
    part = read_part(this_web().outside.results, stored, int(number) if number.isdecimal() else 1)
    return render_template("annotations/log.html", job=job, stored=stored, part=part)


@blueprint.get("/annotations/<uuid:job_id>/input")
@signed_in
def input_file(job_id: UUID) -> ResponseReturnValue:
    """The way to the input, as it was uploaded."""
    web, job = this_web(), own_job(job_id)
    return redirect(
        web.outside.inputs.link(
            job.input.key,
            file_name=job.input_file_name,
            expires_in=web.settings.link_window,
        )
    )


@blueprint.get("/annotations/<uuid:job_id>/files/<kind>")
@signed_in
def result_file(job_id: UUID, kind: str) -> ResponseReturnValue:
    """The way to one result file, for as long as its owner may fetch it."""
    web, job, account = this_web(), own_job(job_id), the_account()
    stored = job.object_of(ObjectKind(kind)) if kind in set(ObjectKind) else None
    if stored is None:
        raise NotFoundError("the job has no such file")
    now, plan = web.outside.clock.now(), web.settings.plan
    result = result_of(job, account, plan, now)
    window = web.settings.link_window
    if not may_fetch(stored.kind, result):
        raise _closed(result)
    until = plan.download_until(job, account)
    if until is not None and not may_fetch(stored.kind, Result.CLOSED):
        # A link is counted in whole seconds and must not outlive the window.
        window = min(window, timedelta(seconds=int((until - now).total_seconds())))
        if not window:
            raise _closed(Result.CLOSED)
    return redirect(
        web.outside.results.link(stored.key, file_name=stored.file_name, expires_in=window)
    )


@blueprint.post("/annotations/<uuid:job_id>/cancel")
@signed_in
def cancel(job_id: UUID) -> ResponseReturnValue:
    """Stop a job that waits or runs; the worker finds out at its next heartbeat."""
    web = this_web()
    for attempt in range(CANCEL_TRIES):
        before = own_job(job_id)
        after = before.cancel(web.outside.clock.now())
        if after is before:
            break
        try:
            web.outside.jobs.move(before, after)
        except StaleJobError:
            # A worker moved it meanwhile: look again, and decide again.
            if attempt == CANCEL_TRIES - 1:
                raise
        else:
            log.info("a job was cancelled", extra={"job_id": before.job_id})
            break
    return redirect(url_for("annotations.details", job_id=job_id), 303)


@blueprint.post("/annotations/<uuid:job_id>/rerun")
@signed_in
def rerun_job(job_id: UUID) -> ResponseReturnValue:
    """Annotate the same file once more; a form sent twice makes one job."""
    web, fields = this_web(), sent_fields()
    job = rerun(
        own_job(job_id),
        read_wish_id(fields),
        the_account(),
        settings=web.settings,
        outside=web.outside,
    )
    return redirect(url_for("annotations.details", job_id=job.job_id), 303)


@blueprint.post("/annotations/<uuid:job_id>/delete")
@signed_in
def delete(job_id: UUID) -> ResponseReturnValue:
    """Remove everything of the job, whatever it is doing."""
    web = this_web()
    eraser = Eraser(
        jobs=web.outside.jobs,
        inputs=web.outside.inputs,
        results=web.outside.results,
        archives=web.outside.archives,
        clock=web.outside.clock,
        key_prefix=web.settings.key_prefix,
    )
    eraser.erase(own_job(job_id))
    return redirect(url_for("annotations.index"), 303)


@blueprint.get("/annotations/<uuid:job_id>/deletion")
@signed_in
def confirm_delete(job_id: UUID) -> ResponseReturnValue:
    """Ask once before anything is removed."""
    return render_template("annotations/delete.html", job=own_job(job_id))


def _closed(result: Result) -> ForbiddenError:
    if result is Result.RESTORING:
        return ForbiddenError(
            "being-restored",
            "The results file is being restored from the archive.",
            "You will get an e-mail when it is back, byte for byte the same.",
        )
    return ForbiddenError(
        "window-closed",
        "The time in which a Free account can download this result is over. Nothing is lost.",
        "Premium accounts can download their results at any time, this one included. The log "
        "and the details stay readable on every plan.",
    )


def _page() -> Page:
    token = request.args.get("page")
    if token is not None:
        token = token[:LONGEST_TOKEN]
    return this_web().outside.jobs.of_user(the_account().user_id, limit=PAGE_SIZE, token=token)


def _views(page: Page) -> list[JobView]:
    account, now = the_account(), this_web().outside.clock.now()
    plan = this_web().settings.plan
    return [view_of(job, account, plan, now) for job in page.jobs]


def _view(job: Job) -> JobView:
    web = this_web()
    account = the_account()
    queue = web.queue.look() if job.status is Status.PENDING else None
    return view_of(job, account, web.settings.plan, web.outside.clock.now(), queue=queue)
