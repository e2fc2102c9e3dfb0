"""What every accounts database promises."""

from datetime import timedelta
from threading import Thread

import pytest

from gas.domain.account import Account, Tier
from gas.domain.errors import NotFoundError
from tests.adapters.sql.conftest import PeopleWorld

MOMENT = timedelta(days=1, microseconds=123_457)


def _login(people: PeopleWorld, user_id: str = "ada", email: str = "ada@example.org") -> Account:
    return people.accounts.save_login(
        user_id, name="Ada Exämple \U0001f9ec", email=email, institution="Uni; DROP TABLE"
    )


def test_the_first_login_makes_a_free_account(people: PeopleWorld) -> None:
    people.clock.advance(MOMENT)
    account = _login(people)
    assert people.accounts.get("ada") == account
    assert account.tier is Tier.FREE
    assert account.created_at == people.clock.now()
    assert account.name == "Ada Exämple \U0001f9ec"


def test_a_later_login_refreshes_what_the_provider_says_and_keeps_the_rest(
    people: PeopleWorld,
) -> None:
    created = _login(people).created_at
    people.accounts.set_tier("ada", Tier.PREMIUM)
    people.clock.advance(MOMENT)
    account = people.accounts.save_login("ada", name="Ada L", email="l@example.org", institution="")
    assert people.accounts.get("ada") == account
    assert (account.name, account.email, account.tier) == ("Ada L", "l@example.org", Tier.PREMIUM)
    assert account.created_at == created


def test_an_unknown_account_is_not_found(people: PeopleWorld) -> None:
    with pytest.raises(NotFoundError):
        people.accounts.get("nobody")
    with pytest.raises(NotFoundError):
        people.accounts.set_tier("nobody", Tier.PREMIUM)


def test_only_a_downgrade_is_remembered_with_its_moment(people: PeopleWorld) -> None:
    _login(people)
    assert people.accounts.set_tier("ada", Tier.FREE).downgraded_at is None
    assert people.accounts.set_tier("ada", Tier.PREMIUM).downgraded_at is None
    people.clock.advance(MOMENT)
    account = people.accounts.set_tier("ada", Tier.FREE)
    assert account.downgraded_at == people.clock.now()
    assert people.accounts.set_tier("ada", Tier.PREMIUM).downgraded_at == account.downgraded_at
    assert people.accounts.get("ada").tier is Tier.PREMIUM


def test_a_bounce_is_remembered_until_the_address_changes(people: PeopleWorld) -> None:
    _login(people)
    _login(people, "bob", "bob@example.org")
    people.accounts.note_bounce("ada@example.org")
    assert people.accounts.get("ada").email_bounced_at == people.clock.now()
    assert people.accounts.get("bob").email_bounced_at is None
    assert _login(people).email_bounced_at == people.clock.now()
    assert _login(people, email="new@example.org").email_bounced_at is None


def test_a_name_made_of_sql_is_only_a_name(people: PeopleWorld) -> None:
    evil = "' OR 1=1; DROP TABLE accounts; --"
    people.accounts.save_login(evil, name=evil, email=evil, institution=evil)
    assert people.accounts.get(evil).name == evil
    with pytest.raises(NotFoundError):
        people.accounts.get("' OR 1=1")


def test_many_first_logins_at_once_make_one_account(people: PeopleWorld) -> None:
    failures: list[BaseException] = []

    def login() -> None:
        try:
            _login(people)
        except BaseException as error:  # noqa: BLE001 - asserted on below
            failures.append(error)

    threads = [Thread(target=login) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert people.accounts.get("ada").tier is Tier.FREE


def test_a_changed_plan_is_unsettled_until_that_very_change_is_settled(
    people: PeopleWorld,
) -> None:
    _login(people)
    _login(people, "bob", "bob@example.org")
    assert people.accounts.set_tier("ada", Tier.FREE).plan_changed_at is None
    first = people.accounts.set_tier("ada", Tier.PREMIUM)
    assert first.plan_changed_at == people.clock.now()
    people.clock.advance(MOMENT)
    assert people.accounts.unsettled(people.clock.now()) == [first]
    assert not people.accounts.unsettled(people.clock.now() - MOMENT)
    second = people.accounts.set_tier("ada", Tier.FREE)
    people.accounts.settle_plan(first)
    assert people.accounts.get("ada").plan_changed_at == second.plan_changed_at
    people.accounts.settle_plan(second)
    assert people.accounts.get("ada").plan_changed_at is None
    people.clock.advance(MOMENT)
    assert not people.accounts.unsettled(people.clock.now())


def test_consent_is_remembered_with_its_moment_and_version(people: PeopleWorld) -> None:
    assert _login(people).consented_at is None
    people.clock.advance(MOMENT)
    account = people.accounts.consent("ada", "2026-11")
    assert (account.terms_version, account.consented_at) == ("2026-11", people.clock.now())
    assert _login(people).terms_version == "2026-11"
    with pytest.raises(NotFoundError):
        people.accounts.consent("nobody", "2026-11")


def test_an_account_is_being_erased_from_the_first_moment_on(people: PeopleWorld) -> None:
    _login(people)
    _login(people, "bob", "bob@example.org")
    began = people.clock.now()
    people.accounts.start_erasing("ada")
    people.clock.advance(MOMENT)
    people.accounts.start_erasing("bob")
    assert people.accounts.start_erasing("ada").erasing_at == began
    assert [account.user_id for account in people.accounts.erasing()] == ["ada", "bob"]


def test_a_deleted_account_takes_its_sessions_along(people: PeopleWorld) -> None:
    _login(people)
    session = people.sessions.start("ada", {})
    people.accounts.delete("ada")
    people.accounts.delete("ada")
    with pytest.raises(NotFoundError):
        people.accounts.get("ada")
    with pytest.raises(NotFoundError):
        people.sessions.get(session.session_id)


def test_accounts_are_counted_by_tier(people: PeopleWorld) -> None:
    assert people.accounts.count() == {Tier.FREE: 0, Tier.PREMIUM: 0}
    _login(people)
    _login(people, "bob", "bob@example.org")
    people.accounts.set_tier("bob", Tier.PREMIUM)
    assert people.accounts.count() == {Tier.FREE: 1, Tier.PREMIUM: 1}


def test_an_account_is_unused_since_its_last_login(people: PeopleWorld) -> None:
    _login(people)
    _login(people, "bob", "bob@example.org")
    people.clock.advance(MOMENT)
    _login(people, "bob", "bob@example.org")
    assert [each.user_id for each in people.accounts.unused(people.clock.now())] == ["ada"]
    people.accounts.start_erasing("ada")
    assert people.accounts.unused(people.clock.now()) == []
