"""One user submits thousands of jobs; another one's single jobs hardly notice.

Counted in jobs that go first, not in seconds, so that a slow machine shows the same.
"""

import pytest

from tests.support.annotator_bench import QUICK, Bench

MANY = {"aws": 300, "embedded": 5000}
FEW = 5
MOST_BEFORE = 3
"""Jobs of the other user that may begin between a submission and its own beginning: the ones whose
messages were on their way already."""


@pytest.mark.full
@pytest.mark.timeout(600)
def test_another_users_job_does_not_wait_for_five_thousand(
    annotator_bench: Bench, request: pytest.FixtureRequest
) -> None:
    bench = annotator_bench
    many = bench.submit_many("ada", MANY[request.node.callspec.params["annotator_bench"]])
    with bench.annotator(QUICK):
        bench.wait(lambda: bench.job(many[4]).is_terminal, seconds=120)
        few = []
        for _ in range(FEW):
            [job_id] = bench.submit_many("bob", 1)
            few.append(job_id)
            bench.wait(lambda job_id=job_id: bench.job(job_id).is_terminal, seconds=120)
    started = [job.started_at for job in map(bench.job, many) if job.started_at is not None]
    assert len(started) < len(many), "nobody had to wait"
    for job in map(bench.job, few):
        assert job.started_at is not None
        before = [moment for moment in started if job.submitted_at < moment < job.started_at]
        assert len(before) <= MOST_BEFORE
