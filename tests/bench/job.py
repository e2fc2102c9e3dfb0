"""How long one job takes from its submission to COMPLETED, and how many a second are sustained.

Every process is a real one.  `job.` is the one-machine stack, `job.aws.` the same through boto3 on
moto's server, which answers one request at a time and is no measure of AWS.  Where the public test
data is absent the bundled example is measured, as `job.example.`.

`job.memory` takes as long as its 5,000 jobs and is measured only when asked for by its name.
"""

import os
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

from gas.domain.job import Status
from tests.bench.measure import Measure
from tests.support.deployment import EXAMPLE, Deployment, deployment
from util.visitor import Visitor

BENCH = Path(".bench")
DATA_FILE = "anntools/data/free_1.vcf"
WARM_UP = 10
ROUNDS = {"embedded": 60, "aws": 30}
PAUSE = {"embedded": 0.002, "aws": 0.05}
"""Seconds between two looks at a job; on moto each look keeps everybody else waiting."""

SECONDS = {"embedded": 20.0, "aws": 20.0}
CLIENTS = 4
UNFINISHED = 3
"""Jobs of one client that wait or run at once, so that what is measured is sustained."""

MEMORY_JOBS = 5000
MEMORY_SETTLED = 500
"""Jobs after which every process has imported, cached and pooled what it ever will."""

LONGEST_WAIT = 120.0
SYNCS = 200
SETTINGS = {
    "GAS_REFERENCE": str((BENCH / "reference-of-jobs").absolute()),
    # A few clients on one address stand for many people on many.
    "GAS_UPLOADS_A_MINUTE": "1000000",
    "GAS_SUBMITS_A_MINUTE": "1000000",
    "GAS_FREE_STORED_BYTES": str(10**15),
}
"""A compiled reference of our own: another release's run on this machine must not change it."""


@dataclass
class Load:
    """Clients that submit one job after another until told to stop."""

    service: Deployment
    source: Path
    seconds: float
    most: int = 10**9
    job_ids: list[str] = field(default_factory=list)

    def run(self) -> float:
        """Seconds from the first submission to the end of the last job."""
        visitors = [self.service.visitor(f"Person{number} Example") for number in range(CLIENTS)]
        start = time.perf_counter()
        threads = [threading.Thread(target=self._submit, args=(each, start)) for each in visitors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for job_id in self.job_ids:
            wait_for(self.service, job_id, pause=0.05)
        return time.perf_counter() - start

    def _submit(self, visitor: Visitor, start: float) -> None:
        mine: deque[str] = deque()
        while time.perf_counter() - start < self.seconds and len(self.job_ids) < self.most:
            mine.append(visitor.submit(self.source))
            self.job_ids.append(mine[-1])
            if len(mine) == UNFINISHED:
                wait_for(self.service, mine.popleft(), pause=0.02)


def measure(only: str) -> Iterator[Measure]:
    """Every figure whose name begins with `only`."""
    prefix, source = _source()
    places = {"embedded": prefix, "aws": f"{prefix}aws."}
    if only.startswith(f"job.{prefix}aws"):
        del places["embedded"]
    for backend, place in places.items():
        if not _is_wanted(f"job.{place}", only):
            continue
        BENCH.mkdir(exist_ok=True)
        with (
            tempfile.TemporaryDirectory(dir=BENCH) as folder,
            deployment(backend, Path(folder).resolve() / "home", SETTINGS) as service,
        ):
            yield from _figures(service, source, backend, place, only)


def _figures(
    service: Deployment, source: Path, backend: str, place: str, only: str
) -> Iterator[Measure]:
    if only.startswith(f"job.{place}memory"):
        yield from _memory(service, source, place)
        return
    yield _lower(f"job.{place}disk.fsync_ms", median(_syncs(service.settings.home)), "ms")
    times = _times(service, source, backend)
    name = "" if source == EXAMPLE else "free_1."
    yield _lower(f"job.{place}{name}p50_s", median(times), "s")
    yield _lower(f"job.{place}{name}p95_s", quantiles(times, n=20)[-1], "s")
    load = Load(service, source, SECONDS[backend])
    took = load.run()
    rate = len(load.job_ids) / took
    yield Measure(name=f"job.{place}rate_per_s", value=rate, unit="1/s", better="higher")


def _source() -> tuple[str, Path]:
    folder = os.environ.get("GAS_TEST_DATA")  # noqa: TID251 - a setting of the tests
    if folder and (Path(folder) / DATA_FILE).exists():
        return "", Path(folder) / DATA_FILE
    return "example.", EXAMPLE


def _is_wanted(prefix: str, only: str) -> bool:
    return prefix.startswith(only) or only.startswith(prefix)


def _times(service: Deployment, source: Path, backend: str) -> Sequence[float]:
    """Seconds from before the request that submits until the record says COMPLETED, idle."""
    visitor = service.visitor("Ada Example")
    times = []
    for _ in range(WARM_UP + ROUNDS[backend]):
        permission = visitor.permit(source.name, source.stat().st_size)
        with source.open("rb") as body:
            assert visitor.upload(permission, body).ok
        start = time.perf_counter()
        job_id = visitor.hand_in(permission.json()["upload_id"])
        wait_for(service, job_id, pause=PAUSE[backend])
        times.append(time.perf_counter() - start)
    return times[WARM_UP:]


def wait_for(service: Deployment, job_id: str, *, pause: float) -> None:
    """Until the job has ended, which must be COMPLETED."""
    until = time.monotonic() + LONGEST_WAIT
    while not (job := service.job(job_id)).is_terminal:
        if time.monotonic() > until:
            raise TimeoutError(f"job {job_id} is still {job.status}\n{service.stack.logs(10)}")
        time.sleep(pause)
    assert job.status is Status.COMPLETED, f"{job.failure}\n{service.stack.logs(30)}"


def _memory(service: Deployment, source: Path, place: str) -> Iterator[Measure]:
    """How much the processes have grown between the 500th and the 5,000th job."""
    Load(service, source, 10**6, most=MEMORY_SETTLED).run()
    settled = _resident(service)
    Load(service, source, 10**6, most=MEMORY_JOBS - MEMORY_SETTLED).run()
    grown = _resident(service)
    for module, size in sorted(grown.items()):
        print(f"{module}: {settled.get(module, 0) / 1e6:.1f} -> {size / 1e6:.1f} MB")
    total = sum(grown.values()) - sum(settled.values())
    yield _lower(f"job.{place}memory.growth_mb", total / 1e6, "MB")
    yield _lower(f"job.{place}memory.resident_mb", sum(grown.values()) / 1e6, "MB")


def _resident(service: Deployment) -> dict[str, int]:
    """Proportional memory in bytes of every program, its children included."""
    return {module: _tree(pid) for module, pid in service.stack.pids().items()}


def _tree(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0
    own = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return own * 1024 + sum(_tree(int(child)) for child in children)


def _syncs(folder: Path) -> list[float]:
    times = []
    with (folder / "synced").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            start = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            times.append((time.perf_counter() - start) * 1000)
    return times


def _lower(name: str, value: float, unit: str) -> Measure:
    return Measure(name=name, value=value, unit=unit, better="lower")
