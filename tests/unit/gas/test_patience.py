"""Riding out an outage: tried again with growing pauses, never beyond the limit."""

from datetime import timedelta

import pytest

from gas.adapters.memory import MemoryClock
from gas.domain.errors import LostLeaseError, OutageError
from gas.patience import Patience

MINUTE = timedelta(minutes=1)


class Flaky:
    def __init__(self, failures: int, error: Exception | None = None) -> None:
        self.failures = failures
        self.error = error or OutageError("away")
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error
        return "here"


def test_an_outage_that_ends_is_not_noticed() -> None:
    clock, flaky = MemoryClock(), Flaky(4)
    assert Patience(clock, MINUTE).with_(flaky) == "here"
    assert flaky.calls == 5


def test_an_outage_that_lasts_is_raised_within_the_limit() -> None:
    clock, flaky = MemoryClock(), Flaky(10_000)
    begun = clock.now()
    with pytest.raises(OutageError):
        Patience(clock, MINUTE).with_(flaky)
    assert clock.now() - begun <= MINUTE
    assert 5 < flaky.calls < 20


def test_an_overloaded_store_is_given_the_time_it_asks_for() -> None:
    clock = MemoryClock()
    begun = clock.now()
    asks = OutageError("slow down", retry_after=timedelta(seconds=20))
    assert Patience(clock, MINUTE).with_(Flaky(2, asks)) == "here"
    assert clock.now() - begun == timedelta(seconds=40)


def test_patience_ends_when_it_is_told_to() -> None:
    flaky = Flaky(10_000)
    with pytest.raises(OutageError):
        Patience(MemoryClock(), MINUTE, lambda: flaky.calls >= 2).with_(flaky)
    assert flaky.calls == 2


def test_what_is_no_outage_is_raised_at_once() -> None:
    flaky = Flaky(1, LostLeaseError("gone"))
    with pytest.raises(LostLeaseError):
        Patience(MemoryClock(), MINUTE).with_(flaky)
    assert flaky.calls == 1
