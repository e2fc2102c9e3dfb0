"""How fast the embedded adapters are, and how fast the disk they stand on.

The times of the adapters mean little without `embedded.disk.fsync.p50_ms`, measured beside them.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median

from gas.adapters.embedded import EmbeddedPorts
from gas.domain.job import Outcome
from gas.domain.message import Kind, Message, Queue
from gas.ports import Mail
from gas.relay import relay
from tests.adapters.embedded.children import connect
from tests.adapters.embedded.counting_disk import counting_disk
from tests.bench.measure import Measure
from tests.builders import LEASE, a_job, a_message, an_outcome
from tests.unit.web.store.streaming import MIB, download, rss, upload
from tests.unit.web.store.support import StoreProcess, make_store

ROUNDS = 200
STORE_MIB = 512
BENCH = Path(".bench")
ROOT = Path(__file__).parents[2]


def measure(only: str) -> Iterator[Measure]:
    """Every figure whose part begins with `only`."""
    parts: dict[str, Callable[[Path], Iterator[Measure]]] = {
        "embedded.disk": _disk,
        "embedded.queue": _queue,
        "embedded.wakeup": _wakeup,
        "embedded.job": _job,
        "embedded.store": _store,
    }
    for name, part in parts.items():
        if name.startswith(only) or only.startswith(name):
            # Not under /tmp, which is no disk on some machines.
            BENCH.mkdir(exist_ok=True)
            with tempfile.TemporaryDirectory(dir=BENCH) as folder:
                yield from part(Path(folder).absolute())


def _lower(name: str, value: float, unit: str) -> Measure:
    return Measure(name=f"embedded.{name}", value=value, unit=unit, better="lower")


def _higher(name: str, value: float, unit: str) -> Measure:
    return Measure(name=f"embedded.{name}", value=value, unit=unit, better="higher")


def _milliseconds(action: Callable[[int], object], rounds: int = ROUNDS) -> list[float]:
    times = []
    for number in range(rounds):
        start = time.perf_counter()
        action(number)
        times.append((time.perf_counter() - start) * 1000)
    return times


def _disk(folder: Path) -> Iterator[Measure]:
    with (folder / "file").open("wb", buffering=0) as file:

        def append(_: int) -> None:
            file.write(bytes(4096))
            os.fsync(file.fileno())

        yield _lower("disk.fsync.p50_ms", median(_milliseconds(append)), "ms")


def _queue(folder: Path) -> Iterator[Measure]:
    ports = connect(folder)

    def publish(number: int) -> None:
        ports.topics.publish(a_message(f"job-{number}"))

    yield _higher("queue.publish.per_s", 1000 / median(_milliseconds(publish)), "1/s")
    inbox = ports.inbox(Queue.ANNOTATE)

    def consume(_: int) -> None:
        inbox.done(inbox.receive()[0])

    yield _higher("queue.consume.per_s", 1000 / median(_milliseconds(consume)), "1/s")


def _wakeup(folder: Path) -> Iterator[Measure]:
    """From before the publication to the message's arrival in a process that waits for it."""
    ports = connect(folder)
    with _child("hear", folder) as child:
        assert child.stdout
        times, claims = [], []
        for number in range(ROUNDS):
            assert child.stdout.readline() == b"waiting\n"
            time.sleep(0.005)  # so that it waits indeed
            job = a_job(f"job-{number}")
            message = a_message(job.job_id)
            start = time.monotonic_ns()
            ports.jobs.add(job, message)
            published = time.monotonic_ns()
            relay([message], outbox=ports.outbox, topics=ports.topics)
            heard, claimed = map(int, child.stdout.readline().split())
            times.append((heard - published) / 1e6)
            claims.append((claimed - start) / 1e6)
    yield _lower("wakeup.p50_ms", median(times), "ms")
    yield _lower("wakeup.submit_to_claim.p50_ms", median(claims), "ms")


def _job(folder: Path) -> Iterator[Measure]:
    """What one job costs the disk, with an engine that takes no time."""
    with counting_disk() as disk:
        ports = connect(folder)
        before = disk.syncs
        times = _milliseconds(lambda number: _whole_job(ports, folder, f"job-{number}"), 50)
        yield _lower("job.fsyncs", (disk.syncs - before) / 50, "1/job")
        yield _lower("job.ports.p50_ms", median(times), "ms")


def _whole_job(ports: EmbeddedPorts, folder: Path, job_id: str) -> None:
    """Every call to a port that one job makes, from its upload to its mail."""
    (folder / "body").write_bytes(bytes(100_000))

    def put(key: str, content_type: str = "application/gzip") -> None:
        files = ports.results if "~1~" in key else ports.inputs
        files.upload(folder / "body", key, content_type=content_type, file_name="x")

    clock, requested = ports.jobs._clock, a_message(job_id)
    put(f"gas/ada/{job_id}~x.vcf")
    ports.jobs.add(before := a_job(job_id, submitted_at=clock.now()), requested)
    relay([requested], outbox=ports.outbox, topics=ports.topics)
    delivery = ports.inbox(Queue.ANNOTATE).receive()[0]
    ports.jobs.move(before, job := before.claim(clock.now(), LEASE, "one"))
    for number in range(7):
        put(f"gas/ada/{job_id}~1~{number}")
    outcome: Outcome = an_outcome(job_id)
    completed = Message(kind=Kind.JOB_COMPLETED, job_id=job_id, user_id="ada")
    ports.jobs.move(job, done := job.complete(clock.now(), 1, outcome), completed)
    relay([completed], outbox=ports.outbox, topics=ports.topics)
    ports.inbox(Queue.ANNOTATE).done(delivery)
    delivery = ports.inbox(Queue.NOTIFY).receive()[0]
    ports.jobs.move(done, sending := done.mailed("completed:sending"))
    mail = Mail(mail_id=job_id, to="ada@example.org", subject="s", text="t", html="<p>t</p>")
    ports.mailer.send(mail)
    ports.jobs.move(sending, sending.mailed("completed:sent"))
    ports.inbox(Queue.NOTIFY).done(delivery)


def _store(folder: Path) -> Iterator[Measure]:
    store: StoreProcess = make_store(folder)
    store.start()
    try:
        upload(store, 1)
        start = time.perf_counter()
        etag = upload(store, STORE_MIB)
        took = time.perf_counter() - start
        yield _higher("store.upload.mb_s", STORE_MIB * MIB / 1e6 / took, "MB/s")
        start = time.perf_counter()
        assert download(store, 0, STORE_MIB * MIB) == etag
        took = time.perf_counter() - start
        yield _higher("store.download.mb_s", STORE_MIB * MIB / 1e6 / took, "MB/s")
        start = time.perf_counter()
        deep = download(store, STORE_MIB * MIB - 1000, 1000)
        yield _lower("store.deep_range_ms", (time.perf_counter() - start) * 1000, "ms")
        assert deep != hashlib.md5(b"", usedforsecurity=False).hexdigest()
        yield _lower("store.peak_rss_mb", rss(store.worker(), "VmHWM") / 1e6, "MB")
        form_times = _milliseconds(
            lambda number: store.post(store.form(f"gas/ada/{number}~x.vcf"), bytes(900)), 100
        )
        yield _lower("store.small_upload.p50_ms", median(form_times), "ms")
        link = store.ports.inputs.link(
            "gas/ada/1~x.vcf", file_name="x", expires_in=timedelta(minutes=5)
        )
        times = _milliseconds(lambda _: store.follow(link), 100)
        yield _lower("store.small_download.p50_ms", median(times), "ms")
    finally:
        store.kill()


@contextmanager
def _child(what: str, home: Path) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.adapters.embedded.children", what, str(home), "child"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        if child.stdout:
            child.stdout.close()
