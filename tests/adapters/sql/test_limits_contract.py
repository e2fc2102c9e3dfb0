"""What every counter of requests promises."""

from datetime import timedelta
from threading import Thread

from tests.adapters.sql.conftest import PeopleWorld

MINUTE = timedelta(minutes=1)


def test_an_allowance_is_given_at_once_and_then_no_more(people: PeopleWorld) -> None:
    answers = [people.limits.take("ada", most=5, per=MINUTE) for _ in range(7)]
    assert answers[:5] == [None] * 5
    assert all(wait is not None and timedelta(0) < wait <= MINUTE for wait in answers[5:])


def test_waiting_as_long_as_was_said_is_enough_for_one_more(people: PeopleWorld) -> None:
    for _ in range(5):
        assert people.limits.take("ada", most=5, per=MINUTE) is None
    wait = people.limits.take("ada", most=5, per=MINUTE)
    assert wait is not None
    people.clock.advance(wait + timedelta(milliseconds=1))
    assert people.limits.take("ada", most=5, per=MINUTE) is None
    assert people.limits.take("ada", most=5, per=MINUTE) is not None


def test_one_caller_does_not_use_up_anothers_allowance(people: PeopleWorld) -> None:
    for _ in range(3):
        people.limits.take("ada", most=1, per=MINUTE)
    assert people.limits.take("bob", most=1, per=MINUTE) is None


def test_an_allowance_is_whole_again_after_its_time_and_its_row_is_forgotten(
    people: PeopleWorld,
) -> None:
    for _ in range(9):
        people.limits.take("ada", most=5, per=MINUTE)
    people.clock.advance(2 * MINUTE)
    people.limits.tidy()
    answers = [people.limits.take("ada", most=5, per=MINUTE) for _ in range(6)]
    assert [answer is None for answer in answers] == [True] * 5 + [False]


def test_callers_at_once_share_one_allowance(people: PeopleWorld) -> None:
    answers: list[timedelta | None] = []

    def ask() -> None:
        answers.extend(people.limits.take("ada", most=10, per=MINUTE) for _ in range(5))

    threads = [Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count(None) == 10
    assert len(answers) == 30
