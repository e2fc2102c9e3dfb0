"""The list, the details, the log, the downloads."""

from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from gas.adapters.memory import MemoryFiles, MemoryWorld
from gas.domain.account import Plan, Tier
from gas.domain.job import (
    Failure,
    Fault,
    Job,
    ObjectKind,
    Progress,
    Status,
    Storage,
    StoredObject,
)
from tests.builders import LEASE, NOW, a_completed_job, a_job, an_account
from tests.unit.web.site import Site, Visitor
from web.annotations.log import LINE, PART, read_part
from web.annotations.view import LABELS, TITLES, Result, result_of, view_of

NOBODYS = "00000000-0000-4000-8000-00000000abcd"
WINDOW = timedelta(seconds=600)
PLAN = Plan(free_input_bytes=153_600, free_window=WINDOW)


def _page(visitor: Visitor, path: str) -> str:
    answer = visitor.get(path)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


def _add(site: Site, job: Job) -> Job:
    site.world.jobs.add(job)
    return job


def _until(link: str) -> datetime:
    return datetime.fromisoformat(parse_qs(urlsplit(link).query)["until"][0].replace(" ", "+"))


def test_an_empty_list_says_where_to_begin(ada: Visitor) -> None:
    assert "Start your first annotation" in _page(ada, "/annotations")


def test_the_list_shows_the_newest_first_in_pages(site: Site, ada: Visitor) -> None:
    ids = [str(uuid4()) for _ in range(45)]
    for number, job_id in enumerate(ids):
        moment = NOW + timedelta(minutes=number)
        _add(site, a_job(job_id, submitted_at=moment, input_file_name=f"file-{number}.vcf"))
    seen: list[str] = []
    path: str | None = "/annotations"
    pages = 0
    while path:
        text = _page(ada, path)
        seen += [row.split("</code>")[0] for row in text.split('<code class="id">')[1:]]
        older = text.split('rel="next"')[0].rpartition('href="')[2].split('"')[0]
        path = older.replace("&amp;", "&") if 'rel="next"' in text else None
        pages += 1
    assert seen == ids[::-1]
    assert pages == 3


@pytest.mark.parametrize("token", ["nonsense", "%00", "x" * 5000, "'", "../.."])
def test_a_page_token_that_is_not_ours_is_refused(ada: Visitor, token: str) -> None:
    answer = ada.get("/annotations", query_string={"page": token})
    assert answer.status_code == 400
    assert "list" in answer.get_data(as_text=True)


def test_a_row_tells_id_time_name_status_and_note(site: Site, ada: Visitor) -> None:
    job = _add(site, a_job(str(uuid4()), note="for <b>Monday</b>", input_file_name='q"<i>.vcf'))
    text = _page(ada, "/annotations")
    assert job.job_id in text
    assert "2026-01-01 00:00:00 UTC" in text
    assert "q&#34;&lt;i&gt;.vcf" in text
    assert "for &lt;b&gt;Monday" in text
    assert "Waiting" in text


def test_the_live_list_tells_of_changes_until_all_is_done(site: Site, ada: Visitor) -> None:
    job = _add(site, a_job(str(uuid4())))
    answer = ada.get("/annotations/live").json
    assert answer is not None
    assert answer["live"]
    assert "Waiting" in answer["html"]
    running = job.claim(NOW, LEASE, "w")
    site.world.jobs.move(job, running)
    site.world.jobs.report(running, Progress(records=7, fraction=0.42))
    answer = ada.get("/annotations/live").json
    assert answer is not None
    assert "42 %" in answer["html"]
    current = site.world.jobs.get(job.job_id)
    site.world.jobs.move(current, current.cancel(NOW))
    answer = ada.get("/annotations/live").json
    assert answer is not None
    assert not answer["live"]
    assert "Cancelled" in answer["html"]


def test_a_waiting_job_says_how_many_are_ahead(site: Site, ada: Visitor) -> None:
    for number in range(2):
        moment = NOW - timedelta(hours=number + 1)
        _add(site, a_job(str(uuid4()), "bob", submitted_at=moment))
    running = a_job(str(uuid4()), "bob", submitted_at=NOW - timedelta(hours=9))
    _add(site, running.claim(NOW, LEASE, "w"))
    job = _add(site, a_job(str(uuid4())))
    # Users take turns: of Bob's two older ones only one begins before Ada's only one.
    assert "1 annotation ahead" in _page(ada, f"/annotations/{job.job_id}")
    for row in list(site.world.jobs.rows.values()):
        if row.user_id == "bob":
            del site.world.jobs.rows[row.job_id]
    site.pass_time(seconds=5)
    answer = ada.get(f"/annotations/{job.job_id}/live").json
    assert answer is not None
    assert "Next in the queue" in answer["html"]
    assert answer["status"] == "PENDING"
    assert answer["live"]


def test_a_running_job_shows_its_progress(site: Site, ada: Visitor) -> None:
    running = a_job(str(uuid4())).claim(NOW, LEASE, "w")
    _add(site, replace(running, progress=Progress(records=12_345, fraction=0.5), attempt=2))
    text = _page(ada, f"/annotations/{running.job_id}")
    assert "12,345 records, 50 % of the file" in text
    assert 'value="50"' in text
    assert "Attempt 2" in text


@pytest.mark.parametrize(
    ("fault", "said"),
    [(Fault.INPUT, "wrong with the file"), (Fault.SERVICE, "wrong on our side")],
)
def test_a_failed_job_says_whose_fault_where_and_what_to_do(
    site: Site, ada: Visitor, fault: Fault, said: str
) -> None:
    failure = Failure(
        code="bad-record", text="POS is <nan>.", fault=fault, hint="Fix line 1234.", line=1234
    )
    job = _add(site, a_job(str(uuid4())).fail(NOW, failure))
    text = _page(ada, f"/annotations/{job.job_id}")
    for part in (said, "Line 1,234", "POS is &lt;nan&gt;.", "Fix line 1234.", "bad-record"):
        assert part in text
    assert "data-live" not in text


def test_the_log_of_a_failed_job_can_be_read(site: Site, ada: Visitor) -> None:
    _, stored = _log(b"Failed: bad-record\n")
    failure = Failure(code="bad", text="t", fault=Fault.INPUT, log=stored)
    job = _add(site, a_job(str(uuid4())).fail(NOW, failure))
    site.world.results.put(stored.key, b"Failed: bad-record\n")
    assert f"/annotations/{job.job_id}/log" in _page(ada, f"/annotations/{job.job_id}")
    assert "Failed: bad-record" in _page(ada, f"/annotations/{job.job_id}/log")
    assert ada.get(f"/annotations/{job.job_id}/files/log").status_code == 302


def test_a_job_can_be_cancelled_until_it_is_over(site: Site, ada: Visitor, bob: Visitor) -> None:
    waiting = _add(site, a_job(str(uuid4())))
    running = _add(site, a_job(str(uuid4())).claim(NOW, LEASE, "w"))
    for job in (waiting, running):
        path = f"/annotations/{job.job_id}/cancel"
        assert path in _page(ada, f"/annotations/{job.job_id}")
        assert bob.post(path).status_code == 404
        for _ in range(2):
            answer = ada.post(path)
            assert answer.status_code == 303
            assert answer.location == f"/annotations/{job.job_id}"
        assert site.world.jobs.get(job.job_id).status is Status.CANCELLED
        assert path not in _page(ada, f"/annotations/{job.job_id}")
    assert not site.world.topics.published


def test_a_finished_job_cannot_be_cancelled(site: Site, ada: Visitor) -> None:
    job = site.completed()
    assert ada.post(f"/annotations/{job.job_id}/cancel").status_code == 409
    assert site.world.jobs.get(job.job_id) == job


def test_a_cancel_that_meets_a_worker_decides_again(
    site: Site, ada: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = _add(site, a_job(str(uuid4())))
    real, met = site.world.jobs.move, []

    def move(before: Job, after: Job) -> None:
        if not met:
            met.append(1)
            real(before, before.claim(NOW, LEASE, "w"))
        real(before, after)

    monkeypatch.setattr(site.world.jobs, "move", move)
    assert ada.post(f"/annotations/{job.job_id}/cancel").status_code == 303
    cancelled = site.world.jobs.get(job.job_id)
    assert (cancelled.status, cancelled.attempt) == (Status.CANCELLED, 1)


def test_a_free_result_shows_when_its_window_closes(site: Site, ada: Visitor) -> None:
    job = site.completed()
    text = _page(ada, f"/annotations/{job.job_id}")
    assert "2026-01-01 00:10:01 UTC" in text
    assert 'data-countdown="601"' in text
    assert "10 min 1 s" in text
    assert f"/annotations/{job.job_id}/files/annotated_vcf" in text
    assert "0" * 64 in text
    assert "10 bytes" in text


def test_after_the_window_the_way_out_is_shown_and_the_log_stays(site: Site, ada: Visitor) -> None:
    job = site.completed()
    site.pass_time(seconds=601)
    text = _page(ada, f"/annotations/{job.job_id}")
    assert "The time for downloading this result is over" in text
    assert "/files/annotated_vcf" not in text
    assert "/files/tsv" not in text
    assert "/files/log" in text
    assert 'href="/plan"' in text
    for kind in ("annotated_vcf", "index", "tsv"):
        answer = ada.get(f"/annotations/{job.job_id}/files/{kind}")
        assert answer.status_code == 403
        assert "Premium" in answer.get_data(as_text=True)
    assert ada.get(f"/annotations/{job.job_id}/files/log").status_code == 302
    assert ada.get(f"/annotations/{job.job_id}/log").status_code == 200
    assert ada.get(f"/annotations/{job.job_id}/input").status_code == 302


@pytest.mark.parametrize(
    ("waited", "lasts"), [(0, 300), (301, 300), (400, 201), (599, 2), (600.5, None), (601, None)]
)
def test_a_link_never_outlives_the_window(
    site: Site, ada: Visitor, waited: float, lasts: int | None
) -> None:
    job = site.completed()
    site.pass_time(seconds=waited)
    answer = ada.get(f"/annotations/{job.job_id}/files/annotated_vcf")
    if lasts is None:
        assert answer.status_code == 403
        return
    assert answer.status_code == 302
    assert _until(answer.location) == site.world.clock.now() + timedelta(seconds=lasts)
    assert _until(answer.location) <= NOW + timedelta(seconds=601)


def test_a_premium_result_is_open_for_ever(site: Site) -> None:
    carol = site.signed_in("carol", Tier.PREMIUM)
    job = site.completed("carol")
    site.pass_time(hours=11)
    assert "at any time" in _page(carol, f"/annotations/{job.job_id}")
    answer = carol.get(f"/annotations/{job.job_id}/files/annotated_vcf")
    assert _until(answer.location) == site.world.clock.now() + timedelta(seconds=300)


def test_a_download_names_the_file_and_is_never_kept(site: Site, ada: Visitor) -> None:
    job = site.completed()
    answer = ada.get(f"/annotations/{job.job_id}/files/tsv")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "name=sample.annot.tsv.gz" in answer.location


def test_the_tier_is_read_at_the_moment_of_the_download(site: Site, ada: Visitor) -> None:
    job = site.completed()
    path = f"/annotations/{job.job_id}/files/annotated_vcf"
    site.pass_time(seconds=700)
    assert ada.get(path).status_code == 403
    site.world.accounts.set_tier("ada", Tier.PREMIUM)
    assert ada.get(path).status_code == 302
    site.world.accounts.set_tier("ada", Tier.FREE)
    assert ada.get(path).status_code == 302
    site.pass_time(seconds=600)
    assert ada.get(path).status_code == 403


def test_an_upgraded_owner_is_told_that_an_archived_result_comes_back(site: Site) -> None:
    carol = site.signed_in("carol", Tier.PREMIUM)
    job = site.completed("carol", storage=Storage.ARCHIVED)
    text = _page(carol, f"/annotations/{job.job_id}")
    assert "The results file is being restored" in text
    assert "/files/annotated_vcf" not in text
    answer = carol.get(f"/annotations/{job.job_id}/files/annotated_vcf")
    assert answer.status_code == 403
    assert "being restored" in answer.get_data(as_text=True)


@pytest.mark.parametrize("kind", ["rejects", "provenance", "nonsense", "../log", "LOG"])
def test_a_file_the_job_does_not_have_is_not_found(site: Site, ada: Visitor, kind: str) -> None:
    job = site.completed()
    assert ada.get(f"/annotations/{job.job_id}/files/{kind}").status_code == 404


def test_an_unfinished_job_has_no_files_and_no_log(site: Site, ada: Visitor) -> None:
    job = _add(site, a_job(str(uuid4())))
    site.world.inputs.put(job.input.key, b"x")
    assert ada.get(f"/annotations/{job.job_id}/files/annotated_vcf").status_code == 404
    assert ada.get(f"/annotations/{job.job_id}/log").status_code == 404
    answer = ada.get(f"/annotations/{job.job_id}/input")
    assert answer.status_code == 302
    assert "name=sample.vcf" in answer.location


@pytest.mark.parametrize("job_id", ["1", "x" * 36, NOBODYS, "../../x"])
def test_a_job_that_never_was_is_not_found(ada: Visitor, job_id: str) -> None:
    assert ada.get(f"/annotations/{job_id}").status_code == 404


def test_every_state_of_a_result_has_one_answer() -> None:
    job, free, premium = a_completed_job(), an_account(), an_account(tier=Tier.PREMIUM)
    soon, late = NOW + timedelta(seconds=5), NOW + timedelta(seconds=5000)
    for storage in Storage:
        at = replace(job, storage=storage)
        ready = storage in {Storage.AVAILABLE, Storage.RESTORED}
        open_now = Result.READY if ready else Result.RESTORING
        assert result_of(at, premium, PLAN, late) is open_now
        assert result_of(at, free, PLAN, soon) is open_now
        assert result_of(at, free, PLAN, late) is Result.CLOSED
    assert result_of(a_job(), premium, PLAN, soon) is Result.NONE


def test_every_status_and_kind_has_a_name() -> None:
    assert set(LABELS) == set(Status)
    assert set(TITLES) == set(ObjectKind)


def test_the_page_stops_asking_when_nothing_can_change() -> None:
    premium = an_account(tier=Tier.PREMIUM)
    assert view_of(a_job(), premium, PLAN, NOW).live
    assert not view_of(a_completed_job(), premium, PLAN, NOW).live
    assert view_of(a_completed_job(), an_account(), PLAN, NOW).live
    assert not view_of(a_completed_job(), an_account(), PLAN, NOW + 2 * WINDOW).live


def test_a_log_is_text_and_nothing_else(site: Site, ada: Visitor) -> None:
    job = site.completed()
    stored = job.object_of(ObjectKind.LOG)
    assert stored is not None
    body = b"<img src=x onerror=alert(1)>\x1b[2J\x00\xff {{7*7}}\r\nlast"
    site.world.results.put(stored.key, body)
    text = _page(ada, f"/annotations/{job.job_id}/log")
    assert "<img src=x" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;\\x1b[2J\\x00\ufffd {{7*7}}\nlast" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("part", ["0", "-1", "x", "9" * 30, "\u0663", "2.5", ""])
def test_a_part_that_is_none_is_the_nearest_there_is(site: Site, ada: Visitor, part: str) -> None:
    job = site.completed()
    answer = ada.get(f"/annotations/{job.job_id}/log", query_string={"part": part})
    assert answer.status_code == 200


def _log(body: bytes) -> tuple[MemoryFiles, StoredObject]:
    files = MemoryFiles("results", MemoryWorld().clock)
    files.put("log", body)
    stored = StoredObject(
        kind=ObjectKind.LOG,
        key="log",
        file_name="x.log",
        size=len(body),
        sha256="",
        content_type="text/plain",
    )
    return files, stored


@pytest.mark.parametrize("width", [1, 7, 63, 100, 1023, 5000])
def test_the_parts_of_a_log_make_the_whole_log_line_by_line(width: int) -> None:
    lines = [f"{number:0{width}d}" for number in range(1 + 3 * PART // (width + 1))]
    whole = "\n".join(lines) + "\n"
    files, stored = _log(whole.encode())
    first = read_part(files, stored, 1)
    parts = [read_part(files, stored, number) for number in range(1, first.parts + 1)]
    assert first.parts >= 3
    assert "".join(part.text for part in parts) == whole
    assert all(part.text.endswith("\n") for part in parts if part.text)


def test_a_log_of_one_endless_line_is_bounded() -> None:
    files, stored = _log(b"x" * (3 * PART))
    for number in (1, 2, 3):
        assert len(read_part(files, stored, number).text) <= PART + LINE


def test_a_big_log_is_read_in_parts(site: Site, ada: Visitor) -> None:
    job = site.completed()
    assert job.outcome is not None
    objects = tuple(
        replace(stored, size=2 * PART) if stored.kind is ObjectKind.LOG else stored
        for stored in job.outcome.objects
    )
    big = replace(job, outcome=replace(job.outcome, objects=objects))
    site.world.jobs.rows[job.job_id] = big
    stored = big.object_of(ObjectKind.LOG)
    assert stored is not None
    site.world.results.put(stored.key, b"a" * PART + b"\n" + b"b" * (PART - 1))
    first = _page(ada, f"/annotations/{job.job_id}/log")
    assert "Part 1 of 2" in first
    assert "part=2" in first
    second = _page(ada, f"/annotations/{job.job_id}/log?part=2")
    assert "part=1" in second
    assert "bbb" in second
