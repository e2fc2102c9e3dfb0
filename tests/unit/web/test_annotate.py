"""A new annotation: permit, upload, return, submit."""

from datetime import timedelta
from uuid import uuid4

import pytest

from gas.domain.account import Tier
from gas.domain.errors import OutageError
from gas.domain.message import Kind, Queue
from gas.relay import relay_pending
from tests.unit.web.site import Site, Visitor, settings

LIMIT = 153_600


def _permit(visitor: Visitor, name: str = "sample.vcf", size: int = 100) -> str:
    answer = visitor.send("/annotate/uploads", {"file_name": name, "size": size})
    assert answer.status_code == 201, answer.json
    assert answer.json is not None
    return str(answer.json["upload_id"])


def _put(site: Site, upload_id: str, size: int = 100) -> None:
    site.world.inputs.put(site.world.uploads.get(upload_id).key, b"x" * size)


def test_the_limit_is_said_before_anything_is_chosen(site: Site, ada: Visitor) -> None:
    page = ada.get("/annotate").get_data(as_text=True)
    assert page.index("150 KiB") < page.index('type="file"')
    assert 'data-limit="153600"' in page
    premium = site.signed_in("carol", Tier.PREMIUM).get("/annotate").get_data(as_text=True)
    assert "no limit" in premium
    assert 'data-limit=""' in premium


def test_a_permitted_upload_is_a_signed_form_for_one_key(site: Site, ada: Visitor) -> None:
    answer = ada.send("/annotate/uploads", {"file_name": "my sample.vcf", "size": LIMIT})
    assert answer.status_code == 201
    assert answer.json is not None
    upload = site.world.uploads.get(answer.json["upload_id"])
    assert answer.json["fields"]["key"] == upload.key
    assert upload.key == f"gas/ada/{upload.upload_id}~my_sample.vcf"
    assert upload.max_bytes == answer.json["max_bytes"] == LIMIT
    assert upload.expires_at - upload.created_at == timedelta(minutes=10)
    assert f"1..{LIMIT}" in answer.json["fields"]["policy"]
    assert "success_action_redirect" not in answer.json["fields"]


def test_a_premium_upload_is_bounded_only_by_one_post(site: Site) -> None:
    carol = site.signed_in("carol", Tier.PREMIUM)
    answer = carol.send("/annotate/uploads", {"file_name": "a.vcf", "size": 4_000_000_000})
    assert answer.status_code == 201
    assert answer.json is not None
    assert answer.json["max_bytes"] is None
    assert "1..5368709120" in answer.json["fields"]["policy"]
    answer = carol.send("/annotate/uploads", {"file_name": "a.vcf", "size": 6_000_000_000})
    assert answer.status_code == 413
    assert answer.json is not None
    assert answer.json["code"] == "too-large-to-post"


def test_one_byte_over_the_limit_is_refused_with_the_way_out(site: Site, ada: Visitor) -> None:
    answer = ada.send("/annotate/uploads", {"file_name": "a.vcf", "size": LIMIT + 1})
    assert answer.status_code == 413
    assert answer.content_type == "application/problem+json"
    assert answer.json is not None
    assert "153,601" in answer.json["detail"]
    assert "Premium" in answer.json["hint"]
    assert not site.world.uploads.rows


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"file_name": "a.vcf", "size": 0}, 400),
        ({"file_name": "a.vcf", "size": -1}, 400),
        ({"file_name": "a.vcf", "size": True}, 400),
        ({"file_name": "a.vcf", "size": "many"}, 400),
        ({"file_name": 7, "size": 10}, 400),
        ({"file_name": "a" * 2000, "size": 10}, 400),
        ([], 400),
        ("text", 400),
    ],
)
def test_a_malformed_wish_for_an_upload_is_refused(
    site: Site, ada: Visitor, body: object, status: int
) -> None:
    answer = ada.send("/annotate/uploads", body)
    assert answer.status_code == status
    assert not site.world.uploads.rows


@pytest.mark.parametrize(
    "name",
    [
        'quote".vcf',
        "semi;colon.vcf",
        "a\r\nX-Evil: 1.vcf",
        "../../etc/passwd",
        "..\\..\\boot.ini",
        "n" * 300 + ".vcf",
        "\U0001f9ec.vcf",
        "a\u202efcv.exe",
        "; rm -rf .vcf",
        "{{7*7}}.vcf",
        "<img src=x onerror=alert(1)>.vcf",
        "",
        "\x00",
    ],
)
def test_a_hostile_file_name_is_only_a_name(site: Site, ada: Visitor, name: str) -> None:
    upload_id = _permit(ada, name)
    upload = site.world.uploads.get(upload_id)
    last = upload.key.split("/")[-1]
    assert upload.key.startswith("gas/ada/")
    assert upload.key.count("/") == 2
    assert last.isascii()
    assert not set(last) & set("\"'\\;<>{} \r\n\x00%&?#")
    _put(site, upload_id)
    answer = ada.send("/annotate/jobs", {"upload_id": upload_id})
    assert answer.status_code == 201
    page = ada.get(f"/annotations/{upload_id}")
    text = page.get_data(as_text=True)
    assert page.status_code == 200
    assert "<img src=x" not in text
    assert "\u202e" not in text
    assert len(site.world.jobs.get(upload_id).input_file_name) <= 255
    assert ada.get("/annotations").status_code == 200
    assert ada.get(f"/annotations/{upload_id}/input").status_code == 302


def test_a_template_in_a_file_name_is_printed(site: Site, ada: Visitor) -> None:
    upload_id = _permit(ada, "{{7*7}}.vcf")
    _put(site, upload_id)
    ada.send("/annotate/jobs", {"upload_id": upload_id})
    assert "{{7*7}}.vcf" in ada.get("/annotations").get_data(as_text=True)


def test_submitting_makes_the_job_and_announces_it(site: Site, ada: Visitor) -> None:
    upload_id = _permit(ada)
    _put(site, upload_id, 77)
    answer = ada.send(
        "/annotate/jobs", {"upload_id": upload_id, "assembly": "GRCh37", "note": " mine "}
    )
    assert answer.status_code == 201
    assert answer.json == {"job_id": upload_id, "location": f"/annotations/{upload_id}"}
    job = site.world.jobs.get(upload_id)
    info = site.world.inputs.head(job.input.key)
    assert (job.user_id, job.requested_assembly, job.note) == ("ada", "GRCh37", "mine")
    assert (job.input.size, job.input.etag, job.input.version_id) == (
        77,
        info.etag,
        info.version_id,
    )
    assert not site.world.uploads.rows
    assert not site.world.jobs.outbox
    message = site.world.topics.published[0]
    assert (message.kind, message.job_id) == (Kind.JOB_REQUESTED, upload_id)
    assert site.world.inbox(Queue.ANNOTATE).depth() == 1


def test_submitting_twice_is_one_job(site: Site, ada: Visitor) -> None:
    upload_id = _permit(ada)
    _put(site, upload_id)
    answers = [ada.send("/annotate/jobs", {"upload_id": upload_id}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert {answer.get_data() for answer in answers} == {answers[0].get_data()}
    assert len(site.world.jobs.rows) == 1
    assert len(site.world.topics.published) == 1


def test_a_submit_that_died_half_way_is_finished_by_the_next(site: Site, ada: Visitor) -> None:
    """The job was written, and the upload not yet forgotten."""
    upload_id = _permit(ada)
    _put(site, upload_id)
    upload = site.world.uploads.get(upload_id)
    ada.send("/annotate/jobs", {"upload_id": upload_id})
    site.world.uploads.add(upload)
    answer = ada.send("/annotate/jobs", {"upload_id": upload_id})
    assert answer.status_code == 201
    assert len(site.world.jobs.rows) == 1
    assert not site.world.uploads.rows


def test_somebody_elses_upload_cannot_be_submitted(site: Site, ada: Visitor, bob: Visitor) -> None:
    upload_id = _permit(ada)
    _put(site, upload_id)
    assert bob.send("/annotate/jobs", {"upload_id": upload_id}).status_code == 404
    assert bob.get(f"/annotate/uploads/{upload_id}").status_code == 404
    assert not site.world.jobs.rows
    ada.send("/annotate/jobs", {"upload_id": upload_id})
    assert bob.send("/annotate/jobs", {"upload_id": upload_id}).status_code == 404
    assert bob.get(f"/annotate/uploads/{upload_id}").status_code == 404


@pytest.mark.parametrize("upload_id", ["", "x", "../x", "gas/ada/x~y.vcf", 7, None])
def test_a_forged_upload_id_is_refused(site: Site, ada: Visitor, upload_id: object) -> None:
    assert ada.send("/annotate/jobs", {"upload_id": upload_id}).status_code == 400
    assert not site.world.jobs.rows


def test_an_upload_id_nobody_was_given_is_not_found(site: Site, ada: Visitor) -> None:
    assert ada.send("/annotate/jobs", {"upload_id": str(uuid4())}).status_code == 404
    assert ada.get(f"/annotate/uploads/{uuid4()}").status_code == 404


def test_a_file_that_never_arrived_makes_no_job(site: Site, ada: Visitor) -> None:
    answer = ada.send("/annotate/jobs", {"upload_id": _permit(ada)})
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["code"] == "upload-missing"
    assert not site.world.jobs.rows


@pytest.mark.parametrize(("size", "status"), [(0, 400), (1, 201), (LIMIT, 201), (LIMIT + 1, 413)])
def test_the_store_decides_the_size_at_submit(
    site: Site, ada: Visitor, size: int, status: int
) -> None:
    upload_id = _permit(ada)
    _put(site, upload_id, size)
    assert ada.send("/annotate/jobs", {"upload_id": upload_id}).status_code == status
    assert len(site.world.jobs.rows) == (status == 201)


def test_a_premium_permission_does_not_outlive_the_plan(site: Site) -> None:
    carol = site.signed_in("carol", Tier.PREMIUM)
    upload_id = _permit(carol, size=LIMIT * 2)
    _put(site, upload_id, LIMIT * 2)
    site.world.accounts.set_tier("carol", Tier.FREE)
    assert carol.send("/annotate/jobs", {"upload_id": upload_id}).status_code == 413
    assert not site.world.jobs.rows


@pytest.mark.parametrize(
    "wish", [{"assembly": "hg99"}, {"assembly": 3}, {"note": "n" * 501}, {"note": ["x"]}]
)
def test_a_malformed_wish_for_a_job_is_refused(
    site: Site, ada: Visitor, wish: dict[str, object]
) -> None:
    upload_id = _permit(ada)
    _put(site, upload_id)
    assert ada.send("/annotate/jobs", {"upload_id": upload_id, **wish}).status_code == 400
    assert not site.world.jobs.rows


def test_what_only_the_service_may_say_is_not_listened_to(site: Site, ada: Visitor) -> None:
    body = {
        "file_name": "a.vcf",
        "size": 10,
        "user_id": "bob",
        "key": "gas/bob/x",
        "max_bytes": 10**12,
        "tier": "premium_user",
    }
    answer = ada.send("/annotate/uploads", body)
    assert answer.json is not None
    upload_id = answer.json["upload_id"]
    _put(site, upload_id)
    forged = {"upload_id": upload_id, "status": "COMPLETED", "user_id": "bob", "size": 1}
    ada.send("/annotate/jobs", forged)
    job = site.world.jobs.get(upload_id)
    assert (job.user_id, job.status.value, job.input.size) == ("ada", "PENDING", 100)
    assert site.world.accounts.get("ada").tier is Tier.FREE


def test_without_script_the_same_upload_goes_by_forms(site: Site, ada: Visitor) -> None:
    page = ada.post("/annotate/uploads", {"file_name": "plain.vcf"})
    text = page.get_data(as_text=True)
    (upload,) = site.world.uploads.rows.values()
    assert page.status_code == 200
    assert f'value="{upload.key}"' in text
    assert f'value="{site.settings.base_url}/annotate/uploads/{upload.upload_id}"' in text
    assert text.index('name="policy"') < text.index('type="file"')
    assert "csrf" not in text.split("memory://inputs")[1].split("</form>")[0]
    _put(site, upload.upload_id)
    back = ada.get(f"/annotate/uploads/{upload.upload_id}?bucket=x&key=y&etag=z")
    assert back.status_code == 200
    assert not site.world.jobs.rows
    answer = ada.post(
        "/annotate/jobs", {"upload_id": upload.upload_id, "assembly": "GRCh38", "note": "hello"}
    )
    assert answer.status_code == 303
    assert answer.location == f"/annotations/{upload.upload_id}"
    assert site.world.jobs.get(upload.upload_id).requested_assembly == "GRCh38"


def test_the_return_from_the_store_only_shows(site: Site, ada: Visitor) -> None:
    upload_id = _permit(ada)
    waiting = ada.get(f"/annotate/uploads/{upload_id}?key=gas/bob/other")
    assert "has not arrived" in waiting.get_data(as_text=True)
    _put(site, upload_id)
    assert "has arrived" in ada.get(f"/annotate/uploads/{upload_id}").get_data(as_text=True)
    assert not site.world.jobs.rows
    assert upload_id in site.world.uploads.rows
    ada.send("/annotate/jobs", {"upload_id": upload_id})
    replayed = ada.get(f"/annotate/uploads/{upload_id}?bucket=x&key=y")
    assert replayed.location == f"/annotations/{upload_id}"


def test_the_example_is_one_click(site: Site, ada: Visitor) -> None:
    assert "Use our example" in ada.get("/annotate").get_data(as_text=True)
    answer = ada.post("/annotate/example")
    assert answer.status_code == 303
    (job,) = site.world.jobs.rows.values()
    assert answer.location == f"/annotations/{job.job_id}"
    assert job.input_file_name == "example.vcf"
    assert site.world.inputs.head(job.input.key).size == job.input.size
    assert len(site.world.topics.published) == 1


def test_an_example_no_job_came_of_is_removed_like_any_upload(
    site: Site, ada: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by the simulation: a crash before the job was written left its copy for ever."""

    def away(*_arguments: object) -> None:
        raise OutageError("no table")

    monkeypatch.setattr(site.world.jobs, "add", away)
    assert ada.post("/annotate/example").status_code == 503
    [key] = site.world.inputs.objects
    [upload] = site.world.uploads.rows.values()
    assert upload.key == key
    monkeypatch.undo()
    ada.post("/annotate/example")
    assert list(site.world.uploads.rows.values()) == [upload]


def test_without_an_example_there_is_no_button() -> None:
    site = Site(settings=settings(GAS_EXAMPLE_VCF="/nowhere/example.vcf"))
    ada = site.signed_in()
    assert "Use our example" not in ada.get("/annotate").get_data(as_text=True)
    assert ada.post("/annotate/example").status_code == 404


def test_a_job_whose_announcement_fails_waits_in_the_outbox(
    site: Site, ada: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 29: its owner sees it wait, and the sweeper publishes what is left."""

    def away(_message: object) -> None:
        raise OutageError("the topic is away")

    upload_id = _permit(ada)
    _put(site, upload_id, 77)
    with monkeypatch.context() as patch:
        patch.setattr(site.world.topics, "publish", away)
        body = {"upload_id": upload_id, "assembly": "detect", "note": ""}
        assert ada.send("/annotate/jobs", body).status_code == 201
    assert "Waiting" in ada.get(f"/annotations/{upload_id}").get_data(as_text=True)
    assert [row.job_id for _, row in site.world.jobs.outbox.values()] == [upload_id]
    site.pass_time(seconds=60)
    relay_pending(site.world.clock.now(), outbox=site.world.outbox, topics=site.world.topics)
    assert site.world.inbox(Queue.ANNOTATE).depth() == 1
