"""The profile and the plan: what is shown, what the buttons do, what happens when telling fails."""

import pytest

from gas.domain.account import Tier
from gas.domain.errors import OutageError
from gas.domain.job import ARCHIVED_KINDS, RetrievalTier
from gas.domain.message import Kind, Queue
from tests.unit.web.site import Site


@pytest.fixture
def site() -> Site:
    return Site()


def test_the_profile_shows_who_is_signed_in_and_on_which_plan(site: Site) -> None:
    text = site.signed_in("ada").get("/profile").get_data(as_text=True)
    assert "Ada Example" in text
    assert "ada@example.org" in text
    assert "Free" in text


def test_the_plan_page_says_that_payments_are_simulated_and_asks_for_no_card(site: Site) -> None:
    text = site.signed_in("ada").get("/plan").get_data(as_text=True)
    assert "Payments are simulated here" in text
    assert "150 KiB" in text
    assert "10 min" in text
    assert "Upgrade to Premium" in text
    for word in ('name="card', 'autocomplete="cc', 'type="number"'):
        assert word not in text


def test_upgrading_and_downgrading_change_the_tier_and_tell_of_it(site: Site) -> None:
    ada = site.signed_in("ada")
    assert ada.post("/plan/upgrade").status_code == 303
    assert site.world.accounts.get("ada").tier is Tier.PREMIUM
    assert "Go back to Free" in ada.get("/plan").get_data(as_text=True)
    assert ada.post("/plan/downgrade").status_code == 303
    account = site.world.accounts.get("ada")
    assert account.tier is Tier.FREE
    assert account.downgraded_at is not None
    kinds = [message.kind for message in site.world.topics.published]
    assert kinds == [Kind.ACCOUNT_UPGRADED, Kind.ACCOUNT_DOWNGRADED]


def test_a_button_pressed_twice_changes_the_plan_once(site: Site) -> None:
    ada = site.signed_in("ada")
    for _ in range(3):
        assert ada.post("/plan/upgrade").status_code == 303
    assert len(site.world.topics.published) == 1


@pytest.mark.parametrize("to", ["upgrade", "downgrade"])
def test_a_plan_is_changed_by_post_with_the_forms_token_only(site: Site, to: str) -> None:
    ada = site.signed_in("ada")
    assert ada.get(f"/plan/{to}").status_code == 405
    answer = ada.client.post(f"/plan/{to}", base_url=ada.base, data={})
    assert answer.status_code == 400
    assert site.world.accounts.get("ada").tier is Tier.FREE


def test_a_change_that_cannot_be_told_of_stands_and_stays_marked(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = site.signed_in("ada")

    def down(_message: object) -> None:
        raise OutageError("no topics today")

    monkeypatch.setattr(site.world.topics, "publish", down)
    assert ada.post("/plan/upgrade").status_code == 303
    account = site.world.accounts.get("ada")
    assert account.tier is Tier.PREMIUM
    assert account.plan_changed_at is not None


def test_a_provider_that_asks_for_payment_is_visited_before_anything_changes(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def subscribe(_account: object, return_to: str) -> str:
        asked.append(return_to)
        return "https://pay.example.org/session"

    monkeypatch.setattr(site.world.payments, "subscribe", subscribe)
    answer = site.signed_in("ada").post("/plan/upgrade")
    assert answer.location == "https://pay.example.org/session"
    assert asked == [f"{site.settings.base_url}/plan"]
    assert site.world.accounts.get("ada").tier is Tier.FREE


def test_the_details_tell_every_state_of_an_archived_result(site: Site) -> None:
    ada = site.signed_in("ada")
    job = site.completed("ada")
    site.pass_time(minutes=11)
    path = f"/annotations/{job.job_id}"
    assert "The time for downloading this result is over" in ada.get(path).get_data(as_text=True)
    now = site.world.clock.now()
    archiving = job.start_archiving(now)
    ids = dict.fromkeys(ARCHIVED_KINDS, "handle")
    archived = archiving.archive(now, ids)
    site.world.jobs.rows[job.job_id] = archived
    text = ada.get(path).get_data(as_text=True)
    assert "This result is archived. Nothing is lost." in text
    assert "Upgrade to get it back" in text
    assert "/log" in text
    assert "archived" in ada.get("/annotations").get_data(as_text=True)
    ada.post("/plan/upgrade")
    for tier, said in (
        (RetrievalTier.EXPEDITED, "1 to 5 minutes"),
        (RetrievalTier.STANDARD, "3 to 5"),
    ):
        site.world.jobs.rows[job.job_id] = archived.start_retrieval(now, tier, ids)
        text = ada.get(path).get_data(as_text=True)
        assert "The results file is being restored" in text
        assert said in text
        assert ada.get(f"{path}/files/annotated_vcf").status_code == 403
    retrieving = site.world.jobs.rows[job.job_id]
    site.world.jobs.rows[job.job_id] = retrieving.restore(now)
    assert "You can download the result at any time" in ada.get(path).get_data(as_text=True)
    assert ada.get(f"{path}/files/annotated_vcf").status_code == 302


def test_the_announcement_reaches_the_restore_daemons_queue(site: Site) -> None:
    site.signed_in("ada").post("/plan/upgrade")
    assert site.world.inbox(Queue.RESTORE).depth() == 1
