"""Jobs under fire: every process of ours is killed or stopped at random, and nothing is lost."""

import random
from pathlib import Path

import pytest

from tests.chaos import SETTINGS, storm
from tests.support.deployment import BACKENDS, deployment

JOBS = 50


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize("backend", BACKENDS)
def test_fifty_jobs_outlive_random_blows_to_every_process(backend: str, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    with deployment(backend, tmp_path / "home", SETTINGS) as service:
        print(storm(service, jobs=JOBS, seed=seed))
