"""The page of a new annotation and what it sends."""

from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from gas.domain.audit import Action
from gas.domain.errors import NotFoundError, ObjectNotFoundError
from gas.domain.job import Job
from web.annotate.fields import (
    ASSEMBLIES,
    NOTE_LIMIT,
    read_assembly,
    read_file_name,
    read_note,
    read_size,
    read_upload_id,
    sent_fields,
)
from web.annotate.submit import Wish, permit_upload, submit_example, submit_upload
from web.audit import record
from web.consent import TERMS_VERSION, check_consent, has_consented
from web.context import this_web
from web.guards import signed_in, the_account
from web.limits import check_submit, check_upload

blueprint = Blueprint("annotate", __name__)

CREATED = 201


@blueprint.get("/annotate")
@signed_in
def show() -> ResponseReturnValue:
    """The page with the drop zone, the limit said first."""
    web = this_web()
    if not has_consented(the_account()):
        return render_template("annotate/consent.html", terms_version=TERMS_VERSION)
    limit = web.settings.plan.input_limit(the_account().tier)
    return render_template(
        "annotate/annotate.html",
        limit=limit,
        most=web.settings.premium_post_bytes,
        assemblies=ASSEMBLIES,
        note_limit=NOTE_LIMIT,
        has_example=web.settings.example_vcf.is_file(),
    )


@blueprint.post("/annotate/uploads")
@signed_in
def permit() -> ResponseReturnValue:
    """Permit one upload: JSON for the script, a page with the store's form without it."""
    web, fields = this_web(), sent_fields()
    check_consent(the_account())
    check_upload(the_account())
    upload, form = permit_upload(
        the_account(),
        file_name=read_file_name(fields),
        size=read_size(fields),
        redirect_base=None if request.is_json else f"{web.settings.base_url}/annotate/uploads",
        settings=web.settings,
        outside=web.outside,
    )
    if request.is_json:
        body = {
            "upload_id": upload.upload_id,
            "url": form.url,
            "fields": dict(form.fields),
            "max_bytes": upload.max_bytes,
            "expires_at": upload.expires_at.isoformat(),
        }
        return body, CREATED
    return render_template("annotate/upload.html", upload=upload, form=form)


@blueprint.get("/annotate/uploads/<uuid:upload_id>")
@signed_in
def returned(upload_id: UUID) -> ResponseReturnValue:
    """Where the store sends a browser back to.  It only shows; its button submits.

    What the store adds to the address is not looked at.
    """
    web, account = this_web(), the_account()
    try:
        upload = web.outside.uploads.get(str(upload_id))
    except NotFoundError:
        job = web.outside.jobs.get(str(upload_id))
        if job.user_id != account.user_id:
            raise
        return redirect(url_for("annotations.details", job_id=job.job_id))
    if upload.user_id != account.user_id:
        raise NotFoundError("no such upload")
    try:
        size = web.outside.inputs.head(upload.key).size
    except ObjectNotFoundError:
        size = None
    return render_template(
        "annotate/returned.html",
        upload=upload,
        size=size,
        assemblies=ASSEMBLIES,
        note_limit=NOTE_LIMIT,
    )


@blueprint.post("/annotate/jobs")
@signed_in
def submit() -> ResponseReturnValue:
    """Make the job of an upload that has arrived."""
    web, fields = this_web(), sent_fields()
    check_consent(the_account())
    check_submit(the_account())
    job = submit_upload(
        read_upload_id(fields),
        the_account(),
        Wish(assembly=read_assembly(fields), note=read_note(fields)),
        settings=web.settings,
        outside=web.outside,
    )
    return _show(job)


@blueprint.post("/annotate/example")
@signed_in
def example() -> ResponseReturnValue:
    """Make a job of the bundled example."""
    web = this_web()
    if not web.settings.example_vcf.is_file():
        raise NotFoundError("no example is installed")
    check_consent(the_account())
    check_submit(the_account())
    job = submit_example(
        web.settings.example_vcf,
        the_account(),
        Wish(note="Our example"),
        settings=web.settings,
        outside=web.outside,
    )
    return _show(job)


def _show(job: Job) -> ResponseReturnValue:
    record(Action.JOB_SUBMITTED, job_id=job.job_id)
    location = url_for("annotations.details", job_id=job.job_id)
    if request.is_json:
        return {"job_id": job.job_id, "location": location}, CREATED, {"Location": location}
    return redirect(location, 303)
