"""How often, and how much."""

from dataclasses import replace

import pytest

from gas.domain.account import Tier
from gas.domain.audit import Action
from gas.domain.errors import TooManyError
from tests.unit.web.site import Site, Visitor, settings
from web.app import create_app
from web.limits import check_plan_change


def _site(**changes: str) -> Site:
    return Site(settings=settings(**changes))


def _example(visitor: Visitor) -> int:
    return visitor.send("/annotate/example", {}).status_code


def test_one_person_who_asks_too_often_waits_and_the_others_do_not() -> None:
    site = _site(GAS_SUBMITS_A_MINUTE="3")
    ada, bob = site.signed_in("ada"), site.signed_in("bob")
    assert [_example(ada) for _ in range(5)] == [201] * 3 + [429] * 2
    assert _example(bob) == 201
    assert len(site.world.jobs.rows) == 4


def test_a_refusal_says_how_long_to_wait_and_that_is_enough() -> None:
    site = _site(GAS_UPLOADS_A_MINUTE="2")
    ada = site.signed_in("ada")
    body = {"file_name": "a.vcf", "size": 5}
    answers = [ada.send("/annotate/uploads", body) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    wait = int(answers[2].headers["Retry-After"])
    assert 1 <= wait <= 60
    assert answers[2].json is not None
    assert answers[2].json["code"] == "too-many-requests"
    site.pass_time(seconds=wait)
    assert ada.send("/annotate/uploads", body).status_code == 201


def test_many_people_behind_one_address_share_four_times_the_allowance() -> None:
    site = _site(GAS_SUBMITS_A_MINUTE="2")
    answers = [
        _example(site.signed_in(f"person-{number}")) for number in range(5) for _ in range(2)
    ]
    assert answers == [201] * 8 + [429] * 2


def test_sign_ins_from_one_address_are_counted() -> None:
    site = _site(GAS_LOGINS_A_MINUTE="2")
    answers = [site.anonymous().get("/login/start").status_code for _ in range(4)]
    assert answers == [503, 503, 429, 429]  # Nobody answers at the address of Globus here.


def test_a_made_up_forwarded_address_is_not_another_caller() -> None:
    """Only the address that our own load balancer saw counts, the rightmost one."""
    site = _site(GAS_LOGINS_A_MINUTE="2", GAS_TRUSTED_PROXIES="1")

    def begin(forwarded: str) -> int:
        headers = {"X-Forwarded-For": forwarded}
        return site.anonymous().get("/login/start", headers=headers).status_code

    assert [begin(f"1.2.3.{number}, 9.9.9.9") for number in range(4)] == [503, 503, 429, 429]
    assert begin("1.2.3.4, 8.8.8.8") == 503


def test_two_web_processes_count_as_one() -> None:
    site = _site(GAS_SUBMITS_A_MINUTE="3")
    from tests.unit.web.site import outside  # noqa: PLC0415 - the second application's ports

    other = Site(settings=site.settings, world=site.world)
    other.app = create_app(site.settings, outside(site.world), site.mailbox)
    session = site.signed_in("ada")
    second = other.signed_in("ada")
    assert [_example(each) for each in (session, second, session, second)] == [201, 201, 201, 429]


def test_a_free_person_who_has_stored_enough_is_told_what_to_do() -> None:
    site = _site(GAS_FREE_STORED_BYTES="1000")
    ada = site.signed_in("ada")
    job = site.completed("ada")
    site.world.jobs.rows[job.job_id] = replace(job, input=replace(job.input, size=5000))
    answer = ada.send("/annotate/example", {})
    assert answer.status_code == 403
    assert answer.json is not None
    assert answer.json["code"] == "storage-full"
    site.world.accounts.set_tier("ada", Tier.PREMIUM)
    assert _example(ada) == 201


def test_the_plan_can_be_flipped_only_so_often() -> None:
    site = _site(GAS_PLAN_CHANGES_A_DAY="2")
    ada = site.signed_in("ada")
    answers = [ada.post(f"/plan/{to}").status_code for to in ("upgrade", "downgrade", "upgrade")]
    assert answers == [303, 303, 429]
    assert site.world.accounts.get("ada").tier is Tier.FREE
    changes = [event for event in site.world.audit.rows if event.action is Action.PLAN_CHANGED]
    assert [event.detail for event in changes] == ["premium_user", "free_user"]
    site.pass_time(hours=11, minutes=59)
    assert ada.post("/plan/upgrade").status_code == 429
    site.pass_time(minutes=2)
    assert ada.post("/plan/upgrade").status_code == 303


def test_the_limit_error_keeps_its_wait() -> None:
    site = _site(GAS_PLAN_CHANGES_A_DAY="1")
    account = site.world.accounts.save_login("ada", name="a", email="a@b.cd", institution="")
    with site.app.test_request_context("/"):
        check_plan_change(account)
        with pytest.raises(TooManyError) as caught:
            check_plan_change(account)
    assert 23 * 3600 < caught.value.retry_after.total_seconds() <= 24 * 3600
