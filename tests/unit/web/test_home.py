"""The front page, the health checks, the mailbox, and small texts."""

from datetime import timedelta
from uuid import uuid4

import pytest

from gas.domain.errors import OutageError
from tests.builders import LEASE, NOW, a_job
from tests.unit.web.site import Site, Visitor, outside, settings
from web.app import create_app
from web.filters import moment_text, size_text, span_text
from web.queue import COUNTED, QueueView


def _away(*_: object, **__: object) -> None:
    raise OutageError("away")


def test_the_front_page_tells_the_limits_and_the_assemblies(site: Site) -> None:
    text = site.anonymous().get("/").get_data(as_text=True)
    for part in ("150 KiB", "153,600", "10 min", "NCBI36", "GRCh37", "GRCh38", "Sign in"):
        assert part in text


def test_the_front_page_tells_how_busy_the_service_is(site: Site) -> None:
    site.world.jobs.add(a_job(str(uuid4())))
    site.world.jobs.add(a_job(str(uuid4())).claim(NOW, LEASE, "w"))
    text = site.anonymous().get("/").get_data(as_text=True)
    assert "1 annotation running, 1 waiting" in text


def test_the_front_page_stands_while_the_job_table_is_away(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site.world.jobs, "unfinished", _away)
    answer = site.anonymous().get("/")
    assert answer.status_code == 200
    assert "cannot be reached" in answer.get_data(as_text=True)


def test_the_store_is_asked_for_the_queue_once_in_a_while(site: Site) -> None:
    view = QueueView(site.world.jobs, site.world.clock)
    first = view.look()
    assert first is not None
    site.world.jobs.add(job := a_job(str(uuid4())))
    assert view.look() is first
    assert first.ahead_of(job.job_id) is None
    site.pass_time(seconds=5)
    later = view.look()
    assert later is not None
    assert later.ahead_of(job.job_id) == 0


def test_an_outage_of_the_store_is_not_asked_about_again_at_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = QueueView(site.world.jobs, site.world.clock)
    asked: list[int] = []

    def away() -> None:
        asked.append(1)
        raise OutageError("away")

    monkeypatch.setattr(site.world.jobs, "unfinished", away)
    assert [view.look(), view.look()] == [None, None]
    assert len(asked) == 1
    monkeypatch.undo()
    site.pass_time(seconds=5)
    assert view.look() is not None


def test_a_very_long_queue_is_not_counted_to_its_end(site: Site) -> None:
    for number in range(COUNTED + 5):
        site.world.jobs.add(a_job(f"job-{number}"))
    snapshot = QueueView(site.world.jobs, site.world.clock).look()
    assert snapshot is not None
    assert snapshot.cut
    assert len(snapshot.waiting) == COUNTED


def test_ready_means_that_everything_answers(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = site.anonymous()
    assert visitor.get("/healthz").json == {"status": "ok"}
    answer = visitor.get("/readyz")
    assert answer.status_code == 200
    assert answer.json is not None
    assert set(answer.json["checks"].values()) == {True}
    monkeypatch.setattr(site.world.jobs, "get", _away)
    answer = visitor.get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["checks"]["jobs"] is False
    assert answer.json["checks"]["accounts"] is True
    assert visitor.get("/healthz").status_code == 200


def test_each_person_reads_their_own_mails(site: Site, ada: Visitor, bob: Visitor) -> None:
    site.mailbox.put(
        "ada@example.org", "Done <b>", "See http://127.0.0.1:8080/annotations <script>"
    )
    site.mailbox.put("bob@example.org", "Other", "Nothing")
    page = ada.get("/mailbox").get_data(as_text=True)
    assert "Done &lt;b&gt;" in page
    assert 'href="http://127.0.0.1:8080/annotations"' in page
    assert "<script>" not in page.split("<main")[1].split("</main>")[0]
    assert "Other" not in page
    mine = ada.get(f"/mailbox/{0:032x}.eml")
    assert mine.mimetype == "message/rfc822"
    assert mine.headers["Content-Disposition"].startswith("attachment")
    assert ada.get(f"/mailbox/{1:032x}.eml").status_code == 404
    assert "Other" in bob.get("/mailbox").get_data(as_text=True)


def test_where_mails_are_sent_there_is_no_mailbox(site: Site) -> None:
    app = create_app(settings(), outside(site.world))
    answer = app.test_client().get("/mailbox", base_url=site.settings.base_url)
    assert answer.status_code == 404
    front = app.test_client().get("/", base_url=site.settings.base_url)
    assert "Mailbox" not in front.get_data(as_text=True)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1023 bytes"),
        (1024, "1 KiB"),
        (153_600, "150 KiB"),
        (1_572_864, "1.5 MiB"),
        (5_368_709_120, "5 GiB"),
        (5 * 1024**4, "5120 GiB"),
    ],
)
def test_a_size_is_written_for_people(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0.9, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (3660, "1 h 1 min"),
        (90_000, "25 h"),
    ],
)
def test_a_span_is_written_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert span_text(timedelta(seconds=seconds)) == text


def test_a_moment_is_written_in_utc() -> None:
    assert moment_text(NOW) == "2026-01-01 00:00:00 UTC"
