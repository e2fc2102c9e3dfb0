"""One site with a page in every state, served to a real browser from a thread."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from werkzeug.serving import WSGIRequestHandler, make_server

from gas.domain.account import Tier
from gas.domain.job import Failure, Fault, Job, ObjectKind, Progress, Storage
from tests.builders import LEASE, NOW, a_completed_job, a_job, an_upload
from tests.unit.web.site import Site, Visitor, settings
from web.standin.app import create_standin

LOG = b"2026-01-01 00:00:00 records read 1,234\n" * 4000


class Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the base names it
        """Say nothing: the test says what matters."""


@contextmanager
def served(app: object, port: int = 0) -> Iterator[tuple[str, object]]:
    """The application on a free port; set `.app` of what is yielded to change it."""
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=Quiet)  # type: ignore[arg-type]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Gallery:
    """The site, its address, and the address of each page by name."""

    site: Site
    url: str
    standin_url: str
    pages: dict[str, str]
    ada: Visitor
    carol: Visitor


@contextmanager
def gallery() -> Iterator[Gallery]:
    """Everything a person can meet."""

    def nothing(_environ: object, _start: object) -> list[bytes]:
        return []

    with served(nothing) as (url, server), served(nothing) as (standin_url, standin_server):
        known = settings(
            GAS_BASE_URL=url, GAS_GLOBUS_AUTH_URL=standin_url, GAS_STORE_URL="http://127.0.0.1:9"
        )
        site = Site(settings=known)
        server.app = site.app  # type: ignore[attr-defined]
        standin_server.app = create_standin(known, site.world.clock)  # type: ignore[attr-defined]
        ada = site.signed_in("ada")
        pages = _fill(site)
        yield Gallery(
            site=site,
            url=url,
            standin_url=standin_url,
            pages=pages,
            ada=ada,
            carol=site.signed_in("carol", Tier.PREMIUM),
        )


def _id(number: int) -> str:
    return str(UUID(int=number, version=4))


def _jobs() -> dict[str, Job]:
    """Ada's jobs, one in each state."""
    long_name = "a-very-long-name-of-a-cohort-of-samples_" * 5 + ".vcf.gz"
    running = a_job(_id(2), input_file_name=long_name).claim(NOW, LEASE, "w")
    failure = Failure(
        code="record-unreadable",
        text="POS is 'twelve', which is not a number.",
        fault=Fault.INPUT,
        hint="Correct the line, or leave it out, and submit the file again.",
        line=1234,
    )
    broken = replace(failure, fault=Fault.SERVICE, code="engine-lost", line=None)
    jobs = {
        "waiting": a_job(_id(1), note="Trio 7, before filtering"),
        "running": replace(running, progress=Progress(records=120_345, fraction=0.62), attempt=2),
        "failed": a_job(_id(3), input_file_name="ноты \U0001f9ec.vcf").fail(NOW, failure),
        "broken": a_job(_id(4)).fail(NOW, broken),
        "cancelled": a_job(_id(5)).cancel(NOW),
        "completed": a_completed_job(_id(6), input_file_name="sample.vcf"),
        "closed": a_completed_job(_id(7), completed_at=NOW - timedelta(hours=1)),
    }
    return {
        name: replace(job, submitted_at=NOW - timedelta(minutes=number))
        for number, (name, job) in enumerate(jobs.items())
    }


def _fill(site: Site) -> dict[str, str]:
    jobs = _jobs()
    for job in jobs.values():
        site.world.jobs.add(job)
        site.world.inputs.put(job.input.key, b"x")
    done = jobs["completed"]
    stored = done.object_of(ObjectKind.LOG)
    assert stored is not None
    assert done.outcome is not None
    sized = tuple(
        replace(each, size=len(LOG)) if each is stored else each for each in done.outcome.objects
    )
    site.world.jobs.rows[done.job_id] = replace(done, outcome=replace(done.outcome, objects=sized))
    site.world.results.put(stored.key, LOG)
    for number in range(30):
        moment = NOW - timedelta(days=number + 1)
        site.world.jobs.add(a_completed_job(_id(100 + number), submitted_at=moment))
    arrived, missing = an_upload(_id(60)), an_upload(_id(61))
    for upload in (arrived, missing):
        site.world.uploads.add(upload)
    site.world.inputs.put(arrived.key, b"x" * 2000)
    restoring = a_completed_job(_id(50), "carol", storage=Storage.RETRIEVING)
    site.world.jobs.add(restoring)
    site.mailbox.put(
        "ada@example.org",
        "Your annotation is ready",
        f"Hello Ada,\n\nsample.vcf is annotated.\n{site.settings.base_url}/annotations\n\nGAS",
    )
    pages = {name: f"/annotations/{job.job_id}" for name, job in jobs.items()}
    return {
        "home": "/",
        "login": "/login",
        "signed-out": "/login/ended",
        "annotate": "/annotate",
        "list": "/annotations",
        "arrived": f"/annotate/uploads/{arrived.upload_id}",
        "not-arrived": f"/annotate/uploads/{missing.upload_id}",
        "log": f"/annotations/{done.job_id}/log",
        "mailbox": "/mailbox",
        "sessions": "/account/sessions",
        "your-data": "/account/data",
        "terms": "/terms",
        "erased": "/account/erased",
        "not-found": "/nowhere",
        "bad-page": "/annotations?page=nonsense",
        "window-closed": f"/annotations/{jobs['closed'].job_id}/files/tsv",
        "restoring": f"/annotations/{restoring.job_id}",
        **pages,
    }
