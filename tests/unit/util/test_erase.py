"""The end of an account reaches every copy, whatever comes in between."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gas.adapters.embedded_mail import EmbeddedMailer, MailBox
from gas.adapters.memory import MemoryWorld
from gas.domain.audit import Action, AuditEvent
from gas.domain.errors import NotFoundError, OutageError
from gas.erase import Eraser
from gas.ports import Mail
from tests.builders import LEASE, a_completed_job, a_job, an_upload
from tests.support.annotating import settings
from util.erase import GRACE, AccountEraser

WINDOW = settings().upload_window + GRACE + timedelta(seconds=1)


@pytest.fixture
def world() -> MemoryWorld:
    world = MemoryWorld()
    for user in ("ada", "adam", "bob"):
        world.accounts.save_login(user, name=user, email=f"{user}@example.org", institution="")
    return world


@pytest.fixture
def eraser(world: MemoryWorld, tmp_path: Path) -> AccountEraser:
    return AccountEraser(
        accounts=world.accounts,
        audit=world.audit,
        jobs=world.jobs,
        job_eraser=Eraser(
            jobs=world.jobs,
            inputs=world.inputs,
            results=world.results,
            archives=world.archives,
            clock=world.clock,
            key_prefix=settings().key_prefix,
        ),
        uploads=world.uploads,
        inputs=world.inputs,
        results=world.results,
        mails=MailBox(tmp_path / "mail"),
        clock=world.clock,
        settings=settings(),
    )


def _fill(world: MemoryWorld, user: str) -> None:
    done = a_completed_job(f"{user}-done", user)
    running = a_job(f"{user}-running", user).claim(world.clock.now(), LEASE, "worker-1")
    for job in (done, running, a_job(f"{user}-waiting", user)):
        world.jobs.add(job)
        world.inputs.put(job.input.key, b"input")
        # What a run that was lost has left stands in no record.
        world.results.put(f"gas/{user}/{job.job_id}~7~orphan.vcf.gz", b"orphan")
    for stored in done.objects:
        world.results.put(stored.key, b"result")
    upload = an_upload(f"{user}-upload", user)
    world.uploads.add(upload)
    world.inputs.put(upload.key, b"never submitted")


def _left_of(world: MemoryWorld, user: str) -> list[str]:
    return [
        *(key for key in (*world.inputs.objects, *world.results.objects) if f"/{user}/" in key),
        *(job.job_id for job in world.jobs.rows.values() if job.user_id == user),
        *(each.upload_id for each in world.uploads.rows.values() if each.user_id == user),
    ]


def test_every_copy_goes_and_nobody_elses(world: MemoryWorld, eraser: AccountEraser) -> None:
    for user in ("ada", "adam", "bob"):
        _fill(world, user)
    others = {user: _left_of(world, user) for user in ("adam", "bob")}
    world.accounts.start_erasing("ada")
    eraser.erase_accounts()
    assert _left_of(world, "ada") == []
    assert {user: _left_of(world, user) for user in ("adam", "bob")} == others
    world.clock.advance(WINDOW)
    eraser.erase_accounts()
    with pytest.raises(NotFoundError):
        world.accounts.get("ada")
    assert world.accounts.get("bob")
    assert [event.action for event in world.audit.rows] == [Action.ACCOUNT_ERASED]


def test_what_a_signed_form_still_brings_goes_too(
    world: MemoryWorld, eraser: AccountEraser
) -> None:
    world.accounts.start_erasing("ada")
    eraser.erase_accounts()
    assert world.accounts.get("ada")
    world.clock.advance(settings().upload_window)
    world.inputs.put("gas/ada/late~sample.vcf", b"late")
    eraser.erase_accounts()
    assert not world.inputs.objects
    assert world.accounts.get("ada")
    world.clock.advance(WINDOW)
    eraser.erase_accounts()
    assert "ada" not in world.accounts.rows


def test_an_outage_half_way_is_made_good_by_the_next_sweep(
    world: MemoryWorld, eraser: AccountEraser, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(world, "ada")
    world.accounts.start_erasing("ada")
    for part in (world.results, world.inputs, world.uploads, world.jobs):
        name = "remove" if part is world.uploads else "delete"
        with monkeypatch.context() as broken:
            broken.setattr(part, name, _fail)
            with pytest.raises(OutageError):
                eraser.erase_accounts()
        assert "ada" in world.accounts.rows
        eraser.erase_accounts()
        assert _left_of(world, "ada") == []
        _fill(world, "ada")
    world.clock.advance(WINDOW)
    for _ in range(2):
        eraser.erase_accounts()
    assert "ada" not in world.accounts.rows
    assert _left_of(world, "ada") == []


def test_mails_kept_on_this_machine_go(
    world: MemoryWorld, eraser: AccountEraser, tmp_path: Path
) -> None:
    mailer = EmbeddedMailer(tmp_path / "mail", world.clock, mail_from="gas@example.org")
    for mail_id, to in (
        ("job-1.completed", "ada@example.org"),
        ("ada-done.completed", "an-earlier-address@example.org"),
        ("job-2.completed", "bob@example.org"),
    ):
        mailer.send(Mail(mail_id=mail_id, to=to, subject="s", text="t", html="<p>t</p>"))
    _fill(world, "ada")
    world.accounts.start_erasing("ada")
    eraser.erase_accounts()
    assert [row.mail.to for row in MailBox(tmp_path / "mail").list()] == ["bob@example.org"]
    assert len(list((tmp_path / "mail").iterdir())) == 2


def test_an_unused_account_is_erased_only_where_that_is_wished(
    world: MemoryWorld, eraser: AccountEraser
) -> None:
    world.clock.advance(timedelta(days=400))
    world.accounts.save_login("bob", name="bob", email="bob@example.org", institution="")
    eraser.close_unused_accounts()
    assert not world.accounts.erasing()
    replace(eraser, settings=replace(settings(), keep_days=365)).close_unused_accounts()
    assert {each.user_id for each in world.accounts.erasing()} == {"ada", "adam"}
    assert {event.detail for event in world.audit.rows} == {"unused"}


def test_old_audit_lines_are_dropped(world: MemoryWorld, eraser: AccountEraser) -> None:
    now = world.clock.now()
    for days in (731, 10):
        world.audit.add(
            AuditEvent(at=now - timedelta(days=days), user_id="ada", action=Action.LOGGED_IN)
        )
    eraser.forget_old_lines()
    assert len(world.audit.rows) == 1


def _fail(*_: object) -> None:
    raise OutageError("away")
