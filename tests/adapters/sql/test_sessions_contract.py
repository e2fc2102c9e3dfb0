"""What every keeper of sessions promises."""

from datetime import timedelta

import pytest

from gas.domain.errors import NotFoundError
from tests.adapters.sql.conftest import AGE, IDLE, PeopleWorld

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def accounts(people: PeopleWorld) -> None:
    for user in ("ada", "bob"):
        people.accounts.save_login(user, name=user, email=f"{user}@example.org", institution="")


def test_a_session_comes_back_with_its_tokens(people: PeopleWorld) -> None:
    started = people.sessions.start("ada", {"auth.globus.org": "tökén"})
    found = people.sessions.get(started.session_id)
    assert found.user_id == "ada"
    assert found.tokens == {"auth.globus.org": "tökén"}
    assert found.created_at == people.clock.now()


def test_every_session_has_an_id_of_its_own_that_cannot_be_guessed(people: PeopleWorld) -> None:
    ids = {people.sessions.start("ada", {}).session_id for _ in range(20)}
    assert len(ids) == 20
    assert min(len(session_id) for session_id in ids) >= 40


@pytest.mark.parametrize("session_id", ["", "nonsense", "' OR 1=1 --", "\u4f60", "\x00"])
def test_an_id_that_was_never_given_is_not_found(people: PeopleWorld, session_id: str) -> None:
    people.sessions.start("ada", {})
    with pytest.raises(NotFoundError):
        people.sessions.get(session_id)


def test_an_ended_session_is_gone_and_the_others_stay(people: PeopleWorld) -> None:
    first, second = people.sessions.start("ada", {}), people.sessions.start("ada", {})
    people.sessions.end(first.session_id)
    people.sessions.end(first.session_id)
    with pytest.raises(NotFoundError):
        people.sessions.get(first.session_id)
    assert people.sessions.get(second.session_id).user_id == "ada"


def test_a_session_in_use_outlives_the_idle_time_and_ends_at_its_age(people: PeopleWorld) -> None:
    session = people.sessions.start("ada", {})
    while people.clock.now() - session.created_at + IDLE / 2 <= AGE:
        people.clock.advance(IDLE / 2)
        assert people.sessions.get(session.session_id).seen_at == people.clock.now()
    people.clock.advance(IDLE / 2)
    with pytest.raises(NotFoundError):
        people.sessions.get(session.session_id)


def test_an_idle_session_ends(people: PeopleWorld) -> None:
    session = people.sessions.start("ada", {})
    people.clock.advance(IDLE + SECOND)
    with pytest.raises(NotFoundError):
        people.sessions.get(session.session_id)


def test_a_person_sees_their_live_sessions_and_no_others(people: PeopleWorld) -> None:
    idle = people.sessions.start("ada", {}, client="old browser")
    people.clock.advance(IDLE - SECOND)
    first = people.sessions.start("ada", {"auth": "token"}, client="Firefox")
    people.clock.advance(2 * SECOND)
    second = people.sessions.start("ada", {}, client="x" * 500)
    people.sessions.start("bob", {}, client="bob's")
    found = people.sessions.of_user("ada")
    assert [each.handle for each in found] == [
        people.sessions.handle_of(second.session_id),
        people.sessions.handle_of(first.session_id),
    ]
    assert (found[1].client, found[1].tokens) == ("Firefox", {"auth": "token"})
    assert idle.session_id not in repr(found)
    assert first.session_id not in repr(found)


def test_a_person_ends_one_of_their_sessions_and_nobody_elses(people: PeopleWorld) -> None:
    mine, other = people.sessions.start("ada", {}), people.sessions.start("bob", {})
    for user_id, session in (("bob", mine), ("ada", other)):
        with pytest.raises(NotFoundError):
            people.sessions.revoke(user_id, people.sessions.handle_of(session.session_id))
    people.sessions.revoke("ada", people.sessions.handle_of(mine.session_id))
    with pytest.raises(NotFoundError):
        people.sessions.get(mine.session_id)
    assert people.sessions.get(other.session_id).user_id == "bob"


def test_the_handle_of_a_session_opens_nothing(people: PeopleWorld) -> None:
    session = people.sessions.start("ada", {})
    with pytest.raises(NotFoundError):
        people.sessions.get(people.sessions.handle_of(session.session_id))
