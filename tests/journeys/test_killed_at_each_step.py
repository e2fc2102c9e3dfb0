"""A real annotator kills itself with SIGKILL at an effect; the next one makes it whole."""

import signal

import pytest

from gas.domain.job import Status
from gas.domain.message import Queue
from tests.support.annotator_bench import QUICK, Bench

PLACES = {
    "jobs.move.before": 1,
    "jobs.move.after": 2,
    "inputs.download.after": 2,
    "results.upload.after": 2,
    "jobs.finish.before": 2,
    "jobs.finish.after": 1,
    "topics.publish.after": 1,
    "outbox.sent.after": 1,
    "inbox.done.after": 1,
}
"""Where the process dies, and the attempt that the finished job has in the end."""


@pytest.mark.full
@pytest.mark.timeout(240)
@pytest.mark.parametrize("place", PLACES)
def test_a_process_killed_at_any_effect_is_followed_by_one_result(
    annotator_bench: Bench, place: str
) -> None:
    bench = annotator_bench
    bench.submit("say 3 0")
    with bench.annotator(QUICK, place) as process:
        assert process.wait(timeout=120) == -signal.SIGKILL
    with bench.annotator(QUICK):
        bench.wait(lambda: bench.job().is_terminal)
        bench.wait(lambda: bench.outside.inbox(Queue.ANNOTATE).depth() == 0)
    now = bench.outside.clock.now
    while bench.outside.outbox.pending(before=now(), limit=1):
        bench.run("util.sweep", "--once")
    job = bench.job()
    assert (job.status, job.attempt) == (Status.COMPLETED, PLACES[place])
    held = {info.key for info in bench.outside.results.keys("gas/")}
    assert job.keys <= held
    told = bench.outside.inbox(Queue.NOTIFY)
    assert told.depth() >= 1, "nobody would be told"
    [part] = [path for path in bench.scratch() if path.is_dir()] or [None]
    assert part is None or not list(part.iterdir())
