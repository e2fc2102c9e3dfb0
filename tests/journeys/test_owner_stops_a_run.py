"""A real run whose owner cancels or deletes its job: it stops and leaves nothing."""

from pathlib import Path

import pytest

from gas.domain.errors import JobNotFoundError
from gas.domain.job import Status
from gas.domain.message import Queue
from gas.erase import Eraser
from tests.support.annotator_bench import SLOW, Bench


@pytest.mark.timeout(180)
@pytest.mark.parametrize("is_deleted", [False, True])
def test_a_run_stops_when_its_owner_says_so(annotator_bench: Bench, *, is_deleted: bool) -> None:
    bench = annotator_bench
    bench.submit("slowly")
    outside = bench.outside
    with bench.annotator(SLOW) as process:
        child = bench.running_child(process)
        if is_deleted:
            eraser = Eraser(
                jobs=outside.jobs,
                inputs=outside.inputs,
                results=outside.results,
                archives=outside.archives,
                clock=outside.clock,
                key_prefix=bench.settings.key_prefix,
            )
            eraser.erase(bench.job())
        else:
            job = bench.job()
            outside.jobs.move(job, job.cancel(outside.clock.now()))
        bench.wait(lambda: not Path(f"/proc/{child}").exists())
        bench.wait(lambda: outside.inbox(Queue.ANNOTATE).depth() == 0)
        [part] = [path for path in bench.scratch() if path.is_dir()]
        bench.wait(lambda: not list(part.iterdir()))
    if is_deleted:
        with pytest.raises(JobNotFoundError):
            bench.job()
        assert not list(outside.inputs.keys("gas/"))
    else:
        assert bench.job().status is Status.CANCELLED
    assert not list(outside.results.keys("gas/"))
    assert outside.inbox(Queue.NOTIFY).depth() == 0, "nobody is to be told"
