"""Threads, signals and the time that never jumps, as the machine has them."""

import threading

import pytest

from ann.threads import SystemThreads
from gas.log import _FIELDS, context


def test_works_go_on_side_by_side_and_answer_in_their_order() -> None:
    both = threading.Barrier(2)

    def work(answer: str) -> str:
        both.wait(timeout=30)
        return answer

    works = [lambda: work("first"), lambda: work("second")]
    assert SystemThreads().gather(works, at_once=2) == ("first", "second")


def test_the_first_error_is_raised_when_every_work_is_over() -> None:
    ended = []

    def fail() -> None:
        raise ValueError("the first")

    def end() -> None:
        ended.append(True)

    with pytest.raises(ValueError, match="the first"):
        SystemThreads().gather([fail, end, fail], at_once=1)
    assert ended


def test_works_log_with_the_fields_of_their_starter() -> None:
    with context(job_id="job-1"):
        [fields] = SystemThreads().gather([_FIELDS.get], at_once=1)
    assert fields["job_id"] == "job-1"


def test_a_thread_waits_for_a_signal_and_is_joined() -> None:
    threads = SystemThreads()
    signal, seen = threads.signal(), list[bool]()
    thread = threads.start(lambda: seen.append(signal.wait(30)), "waiting")
    signal.set()
    thread.join()
    assert seen == [True]
    assert not threads.signal().wait(0)


def test_its_time_never_goes_back() -> None:
    threads = SystemThreads()
    assert threads.monotonic() <= threads.monotonic()
