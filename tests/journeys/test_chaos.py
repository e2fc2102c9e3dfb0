"""Jobs under fire: every process of ours is killed at random, and nothing is lost or doubled."""

import random
from pathlib import Path

import pytest

from tests.support.chaos import Killer, judge, submit_many, wait_for_all, wait_until_empty
from tests.support.deployment import BACKENDS, EXAMPLE, deployment

JOBS = 50
FEWEST_BLOWS = 10

FAST = {
    "GAS_LEASE_SECONDS": "6",
    "GAS_HEARTBEAT_SECONDS": "2",
    "GAS_SWEEP_SECONDS": "1",
    "GAS_MAX_ATTEMPTS": "100",
    "GAS_MAX_RECEIVES": "100",
}


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize("backend", BACKENDS)
def test_fifty_jobs_outlive_random_kills_of_every_process(backend: str, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    with deployment(backend, tmp_path / "home", FAST) as service:
        with Killer(service, seed, pause=0.4) as killer:
            job_ids = submit_many(service, EXAMPLE, JOBS, pause=1.5)
            killer.keep_on(FEWEST_BLOWS, 300)
        assert len(set(job_ids)) == JOBS
        jobs = wait_for_all(service, job_ids, 240)
        counted = judge(service, jobs, seconds=120)
        wait_until_empty(service, 120)
        print(f"{counted} blows: {dict(killer.blows)}")
