"""The annotator as a real process, embedded: stopped, killed, and woken too late."""

import os
import signal
import time
from pathlib import Path

import pytest

from gas.domain.job import Status
from gas.domain.message import Queue
from tests.support.annotator_bench import QUICK, SLOW, Bench, children_of


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path / "home")
    bench.submit()
    return bench


@pytest.mark.timeout(180)
def test_two_signals_hand_the_job_back_at_once_and_leave_nothing(bench: Bench) -> None:
    with bench.annotator(SLOW) as process:
        child = bench.running_child(process)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    job = bench.job()
    assert job.status is Status.RUNNING
    assert job.leased_until is not None
    assert job.leased_until <= bench.outside.clock.now()
    assert not bench.scratch()
    assert not Path(f"/proc/{child}").exists()
    with bench.annotator(QUICK):
        bench.wait(lambda: bench.job().is_terminal)
    bench.assert_one_result(attempt=2)


@pytest.mark.timeout(180)
def test_one_signal_lets_the_run_go_on_for_the_drain_and_then_hands_it_back(bench: Bench) -> None:
    with bench.annotator(SLOW, GAS_DRAIN_SECONDS="0.5") as process:
        bench.running_child(process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    assert bench.job().status is Status.RUNNING
    assert bench.outside.inbox(Queue.ANNOTATE).depth() == 1
    assert not bench.scratch()


@pytest.mark.timeout(180)
def test_one_signal_lets_a_run_finish_that_is_quick_enough(bench: Bench) -> None:
    with bench.annotator(SLOW, GAS_DRAIN_SECONDS="120") as process:
        bench.running_child(process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 0
    bench.assert_one_result(attempt=1)
    assert bench.outside.inbox(Queue.ANNOTATE).depth() == 0


@pytest.mark.timeout(180)
def test_a_killed_annotator_leaves_no_process_and_is_followed_by_the_next(bench: Bench) -> None:
    with bench.annotator(SLOW) as process:
        child = bench.running_child(process)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=30)
    bench.wait(lambda: not Path(f"/proc/{child}").exists())
    assert bench.scratch()
    with bench.annotator(QUICK):
        bench.wait(lambda: bench.job().is_terminal)
        # The record is written first; the folder goes a moment later.
        bench.wait(lambda: _is_empty(bench))
    bench.assert_one_result(attempt=2)


@pytest.mark.timeout(180)
def test_an_annotator_without_its_fork_server_gives_the_job_back_and_starts_anew(
    bench: Bench,
) -> None:
    with bench.annotator(SLOW) as process:
        bench.running_child(process)
        [server] = children_of(process.pid)
        os.kill(server, signal.SIGKILL)
        assert process.wait(timeout=30) == 0
    assert bench.outside.inbox(Queue.ANNOTATE).depth() == 1
    assert not bench.scratch()
    with bench.annotator(QUICK):
        bench.wait(lambda: bench.job().is_terminal)
    bench.assert_one_result(attempt=2)


@pytest.mark.timeout(180)
def test_an_annotator_stopped_beyond_its_lease_wakes_up_and_gives_way(bench: Bench) -> None:
    with bench.annotator(SLOW) as zombie:
        child = bench.running_child(zombie)
        os.kill(zombie.pid, signal.SIGSTOP)
        os.kill(child, signal.SIGSTOP)
        try:
            with bench.annotator(QUICK):
                bench.wait(lambda: bench.job().is_terminal)
        finally:
            os.kill(child, signal.SIGCONT)
            os.kill(zombie.pid, signal.SIGCONT)
        bench.wait(lambda: not Path(f"/proc/{child}").exists())
        zombie.send_signal(signal.SIGTERM)
        assert zombie.wait(timeout=60) == 0
    bench.assert_one_result(attempt=2)
    assert not [path for path in bench.scratch() if path.name.startswith(f"{zombie.pid}-")]


@pytest.mark.timeout(180)
def test_a_signal_in_the_long_poll_strands_no_message(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "home")
    with bench.annotator(SLOW, GAS_POLL_SECONDS="5") as process:
        bench.wait(lambda: list((bench.home / "bells").glob("annotate.*")))
        process.send_signal(signal.SIGTERM)
        bench.submit()
        assert process.wait(timeout=60) == 0
    assert (bench.job().status, bench.job().attempt) == (Status.PENDING, 0)
    [delivery] = bench.outside.inbox(Queue.ANNOTATE).receive()
    bench.outside.inbox(Queue.ANNOTATE).release(delivery)
    with bench.annotator(QUICK):
        bench.wait(lambda: bench.job().is_terminal)
    bench.assert_one_result(attempt=1)


def _is_empty(bench: Bench) -> bool:
    [part] = [path for path in bench.scratch() if path.is_dir()]
    return not list(part.iterdir())
