"""Jobs under fire: `python -m tests.chaos --backend embedded --jobs 1000 --seed 7`.

Every second a random process of ours is killed with SIGKILL or stopped beyond its lease; the
emulator never.  In the end every job must have one end, one result and one mail, and the scratch
folder must be empty.  `make chaos` runs 200 jobs on moto's server and 1,000 embedded.
"""

import argparse
import random
import signal
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tests.support.chaos import Killer, judge, submit_many, wait_for_all, wait_until_empty
from tests.support.deployment import BACKENDS, EXAMPLE, Deployment, deployment

LEASE_SECONDS = 6
SETTINGS: Mapping[str, str] = {
    "GAS_LEASE_SECONDS": str(LEASE_SECONDS),
    "GAS_HEARTBEAT_SECONDS": "2",
    "GAS_SWEEP_SECONDS": "1",
    "GAS_MAX_ATTEMPTS": "100",
    "GAS_MAX_RECEIVES": "100",
}
JOBS = {"aws": 200, "embedded": 1000}
FREEZE_SECONDS = LEASE_SECONDS + 2.0
SECONDS_A_JOB = 3.0
"""Upper bound on the time after the last kill, a job."""


def storm(service: Deployment, *, jobs: int, seed: int, pause: float = 1.0) -> dict[str, object]:
    """Submit under fire, wait, judge; returns what was counted."""
    killer = Killer(
        service,
        seed,
        pause=pause,
        # Most blows kill; a stopped process keeps the next blow waiting for its waking.
        signals=(*[signal.SIGKILL] * 7, signal.SIGSTOP),
        freeze=FREEZE_SECONDS,
    )
    started = time.monotonic()
    with killer:
        job_ids = submit_many(service, EXAMPLE, jobs)
    assert len(set(job_ids)) == jobs
    finished = wait_for_all(service, job_ids, 120 + SECONDS_A_JOB * jobs)
    counted: dict[str, object] = dict(judge(service, finished, seconds=180))
    wait_until_empty(service, 180)
    assert_scratch_is_empty(service.settings.scratch)
    return {
        **counted,
        "blows": dict(killer.blows),
        "seconds": round(time.monotonic() - started),
    }


def assert_scratch_is_empty(scratch: Path) -> None:
    """Every live annotator has its part there; no part holds a run's folder."""
    until = time.monotonic() + 30
    while left := [run for part in scratch.glob("*/") for run in part.iterdir()]:
        assert time.monotonic() < until, f"scratch holds {left[:5]}"
        time.sleep(0.1)


def main() -> None:
    """Run one storm a backend."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--backend", choices=BACKENDS, action="append")
    parser.add_argument("--jobs", type=int, default=0, help="default: 200 on aws, 1,000 embedded")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two blows")
    chosen = parser.parse_args()
    for backend in chosen.backend or BACKENDS:
        jobs = chosen.jobs or JOBS[backend]
        print(f"{backend}: {jobs} jobs, seed {chosen.seed} ...", flush=True)
        with (
            tempfile.TemporaryDirectory(prefix="gas-chaos-") as folder,
            deployment(backend, Path(folder) / "home", SETTINGS) as service,
        ):
            print(storm(service, jobs=jobs, seed=chosen.seed, pause=chosen.pause), flush=True)


if __name__ == "__main__":
    main()
