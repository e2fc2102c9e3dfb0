"""Annotating once more, deleting, and how many jobs one person may have."""

from uuid import uuid4

import pytest

from gas.domain.account import Tier
from gas.domain.job import Job, Status
from gas.domain.message import Kind, Queue
from gas.ports import ObjectInfo
from tests.builders import LEASE, NOW, a_job
from tests.unit.web.site import Site, Visitor, settings
from web.annotate.fields import NOTE_LIMIT


def _done(site: Site, user_id: str = "ada") -> Job:
    """A finished job whose record describes its input as the store knows it."""
    made = site.signed_in(user_id)
    answer = made.send("/annotate/uploads", {"file_name": "sample.vcf", "size": 5})
    assert answer.json is not None
    upload = site.world.uploads.get(answer.json["upload_id"])
    site.world.inputs.put(upload.key, b"bytes", file_name="sample.vcf")
    body = {"upload_id": upload.upload_id, "assembly": "GRCh37", "note": "mine"}
    assert made.send("/annotate/jobs", body).status_code == 201
    job = site.world.jobs.get(upload.upload_id)
    site.world.jobs.move(job, job.cancel(NOW))
    return site.world.jobs.get(job.job_id)


def _again(visitor: Visitor, job: Job, wish_id: str = "") -> str:
    answer = visitor.post(f"/annotations/{job.job_id}/rerun", {"wish_id": wish_id or str(uuid4())})
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return str(answer.location).rpartition("/")[2]


def test_a_file_is_annotated_again_as_a_job_of_its_own(site: Site, ada: Visitor) -> None:
    job = _done(site)
    new = site.world.jobs.get(_again(ada, job))
    assert new.job_id != job.job_id
    assert (new.status, new.requested_assembly, new.note) == (Status.PENDING, "GRCh37", "mine")
    assert new.input.key != job.input.key
    assert site.world.inputs.objects[new.input.key].body == b"bytes"
    assert site.world.topics.published[-1].job_id == new.job_id
    assert site.world.topics.published[-1].kind is Kind.JOB_REQUESTED
    assert not site.world.uploads.rows
    assert ada.post(f"/annotations/{job.job_id}/delete").status_code == 303
    assert site.world.inputs.objects[new.input.key].body == b"bytes"


def test_the_page_offers_both(site: Site, ada: Visitor) -> None:
    job = _done(site)
    page = ada.get(f"/annotations/{job.job_id}").get_data(as_text=True)
    assert f"/annotations/{job.job_id}/rerun" in page
    assert 'name="wish_id"' in page
    assert f"/annotations/{job.job_id}/deletion" in page
    asked = ada.get(f"/annotations/{job.job_id}/deletion").get_data(as_text=True)
    assert "for good" in asked
    assert job.job_id in site.world.jobs.rows


def test_a_form_sent_twice_makes_one_job(site: Site, ada: Visitor) -> None:
    job, wish_id = _done(site), str(uuid4())
    assert _again(ada, job, wish_id) == _again(ada, job, wish_id)
    assert _again(ada, job) not in {job.job_id, _again(ada, job, wish_id)}
    assert len(site.world.jobs.rows) == 3


def test_a_form_sent_twice_at_once_leaves_the_jobs_bytes_alone(
    site: Site, ada: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by the simulation: the later copy replaced the bytes the job was bound to."""
    job, wish_id, copy = _done(site), str(uuid4()), site.world.inputs.copy

    def meanwhile(info: ObjectInfo, key: str) -> ObjectInfo:
        monkeypatch.setattr(site.world.inputs, "copy", copy)
        _again(site.signed_in("ada"), job, wish_id)
        return copy(info, key)

    monkeypatch.setattr(site.world.inputs, "copy", meanwhile)
    frozen = site.world.jobs.get(_again(ada, job, wish_id)).input
    assert site.world.inputs.head(frozen.key, frozen.version_id).etag == frozen.etag
    [left] = site.world.uploads.rows.values()  # The later copy, for the sweeper.
    assert left.key != frozen.key


def test_a_form_without_its_id_is_refused(site: Site, ada: Visitor) -> None:
    job = _done(site)
    for wish_id in ("", "mine", "x" * NOTE_LIMIT):
        answer = ada.post(f"/annotations/{job.job_id}/rerun", {"wish_id": wish_id})
        assert answer.status_code == 400
    assert len(site.world.jobs.rows) == 1


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_file_that_is_gone_or_another_is_not_annotated_again(
    site: Site, ada: Visitor, *, is_replaced: bool
) -> None:
    job = _done(site)
    site.world.inputs.delete(job.input.key)
    if is_replaced:
        site.world.inputs.put(job.input.key, b"other")
    answer = ada.post(f"/annotations/{job.job_id}/rerun", {"wish_id": str(uuid4())})
    assert answer.status_code == 400
    assert "Upload it again" in answer.get_data(as_text=True)
    assert len(site.world.jobs.rows) == 1
    assert not site.world.uploads.rows


def test_the_plan_of_the_moment_decides_about_running_again(site: Site) -> None:
    job = _done(site)
    site.world.accounts.set_tier("ada", Tier.FREE)
    tight = Site(settings=settings(GAS_FREE_INPUT_BYTES="4"), world=site.world)
    visitor = tight.signed_in("ada")
    answer = visitor.post(f"/annotations/{job.job_id}/rerun", {"wish_id": str(uuid4())})
    assert answer.status_code == 413
    tight.world.accounts.set_tier("ada", Tier.PREMIUM)
    assert _again(visitor, job)


def test_deleting_removes_everything_and_its_message_finds_nothing(
    site: Site, ada: Visitor, bob: Visitor
) -> None:
    job = site.completed()
    site.world.results.put(f"gas/ada/{job.job_id}~9~lost.log", b"x")
    assert bob.post(f"/annotations/{job.job_id}/delete").status_code == 404
    answer = ada.post(f"/annotations/{job.job_id}/delete")
    assert (answer.status_code, answer.location) == (303, "/annotations")
    assert not site.world.jobs.rows
    assert not site.world.inputs.objects
    assert not site.world.results.objects
    for path in ("", "/log", "/input", "/deletion"):
        assert ada.get(f"/annotations/{job.job_id}{path}").status_code == 404
    assert ada.post(f"/annotations/{job.job_id}/delete").status_code == 404


def test_a_running_job_can_be_deleted(site: Site, ada: Visitor) -> None:
    job = a_job(str(uuid4())).claim(NOW, LEASE, "w")
    site.world.jobs.add(job)
    assert ada.post(f"/annotations/{job.job_id}/delete").status_code == 303
    assert not site.world.jobs.rows


def test_one_person_may_have_only_so_many_unfinished_jobs() -> None:
    site = Site(settings=settings(GAS_USER_JOBS="2"))
    ada, bob = site.signed_in("ada"), site.signed_in("bob")
    for _ in range(2):
        assert ada.post("/annotate/example").status_code == 303
    refused = ada.post("/annotate/example", headers={"Accept": "application/json"})
    assert refused.status_code == 429
    assert refused.json is not None
    assert refused.json["code"] == "too-many-jobs"
    assert "2 annotations" in refused.json["detail"]
    assert len(site.world.jobs.rows) == 2
    assert site.world.inbox(Queue.ANNOTATE).depth() == 2
    assert bob.post("/annotate/example").status_code == 303
    job = next(job for job in site.world.jobs.rows.values() if job.user_id == "ada")
    assert ada.post(f"/annotations/{job.job_id}/cancel").status_code == 303
    assert ada.post("/annotate/example").status_code == 303


def test_a_job_that_is_there_already_is_shown_at_the_limit_too() -> None:
    site = Site(settings=settings(GAS_USER_JOBS="1"))
    ada = site.signed_in("ada")
    answer = ada.send("/annotate/uploads", {"file_name": "sample.vcf", "size": 5})
    assert answer.json is not None
    upload = site.world.uploads.get(answer.json["upload_id"])
    site.world.inputs.put(upload.key, b"bytes")
    body = {"upload_id": upload.upload_id, "assembly": "detect", "note": ""}
    assert ada.send("/annotate/jobs", body).status_code == 201
    site.world.uploads.add(upload)  # As if forgetting it had failed.
    assert ada.send("/annotate/jobs", body).status_code == 201
