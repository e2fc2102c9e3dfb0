"""What every archive promises, on each of them: memory, a folder, S3's classes, a vault."""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
from moto import mock_aws
from werkzeug.serving import make_server

from gas.adapters.aws import connect_aws
from gas.adapters.aws_client import AwsClients
from gas.adapters.clock import SystemClock
from gas.adapters.embedded import connect_embedded
from gas.adapters.glacier_vault import GlacierVault
from gas.adapters.memory import MemoryClock, MemoryWorld
from gas.adapters.provision_aws import provision_aws
from gas.adapters.s3_archive import S3Archive
from gas.config import ArchiveKind
from gas.domain.errors import CapacityError, ObjectChangedError, ObjectNotFoundError
from gas.domain.job import ObjectKind, RetrievalTier, StoredObject
from gas.domain.message import Kind, Message, Queue
from gas.ports import ArchiveStore, Clock, Files, Inbox, RetrievalState
from tests.adapters.worlds.aws import aws_settings
from tests.adapters.worlds.embedded import embedded_settings
from tests.support.cold_store import ColdStore

EXPEDITED, STANDARD = RetrievalTier.EXPEDITED, RetrievalTier.STANDARD
BODY = b"annotated " * 1000


@dataclass(kw_only=True)
class Cold:
    """An archive, the store beside it, and a hand on its pace."""

    archives: ArchiveStore
    files: Files
    thaw: Inbox
    clock: Clock
    folder: Path
    pass_time: Callable[[timedelta], None]
    refuse: Callable[[], None]
    expedited: timedelta
    standard: timedelta
    kept: timedelta
    lists: bool = True

    def put(self, body: bytes = BODY, job_id: str = "job-1") -> StoredObject:
        source = self.folder / "source"
        source.write_bytes(body)
        key = f"gas/ada/{job_id}~1~sample.annot.vcf.gz"
        self.files.upload(
            source, key, content_type="application/gzip", file_name="sample.annot.vcf.gz"
        )
        return StoredObject(
            kind=ObjectKind.ANNOTATED_VCF,
            key=key,
            file_name="sample.annot.vcf.gz",
            size=len(body),
            sha256=hashlib.sha256(body).hexdigest(),
            content_type="application/gzip",
        )

    def frozen(self, stored: StoredObject) -> StoredObject:
        archived = replace(stored, archive_id=self.archives.archive(stored))
        self.archives.drop_original(archived)
        return archived

    def asked(self, stored: StoredObject, tier: RetrievalTier = EXPEDITED) -> StoredObject:
        started = self.archives.start_retrieval(stored, tier)
        return replace(stored, retrieval_id=started.retrieval_id)

    def ready(self, stored: StoredObject) -> StoredObject:
        asked = self.asked(stored)
        self.pass_time(self.expedited)
        return asked


@contextmanager
def memory(folder: Path) -> Iterator[Cold]:
    world = MemoryWorld()
    archives = world.archives

    def refuse() -> None:
        archives.refuses_expedited = True

    yield Cold(
        archives=archives,
        files=world.results,
        thaw=world.inbox(Queue.THAW),
        clock=world.clock,
        folder=folder,
        pass_time=world.clock.advance,
        refuse=refuse,
        expedited=archives.durations[EXPEDITED],
        standard=archives.durations[STANDARD],
        kept=archives.kept,
    )


@contextmanager
def embedded(folder: Path) -> Iterator[Cold]:
    clock = MemoryClock()
    settings = embedded_settings(folder / "home")
    ports = connect_embedded(settings, clock)

    def refuse() -> None:
        ports.archives.pace = replace(ports.archives.pace, refuses_expedited=True)

    yield Cold(
        archives=ports.archives,
        files=ports.results,
        thaw=ports.inbox(Queue.THAW),
        clock=clock,
        folder=folder,
        pass_time=clock.advance,
        refuse=refuse,
        expedited=settings.expedited,
        standard=settings.standard,
        kept=settings.retrieval_kept,
    )


@contextmanager
def aws(folder: Path, kind: ArchiveKind) -> Iterator[Cold]:
    cold = ColdStore(expedited=0.4, standard=1.2, kept=1.5)
    settings = replace(aws_settings(), poll=timedelta(0))
    server = make_server("127.0.0.1", 0, cold.vaults, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    cold.install()
    try:
        with mock_aws():
            provision_aws(settings)
            outside = connect_aws(settings, SystemClock())
            archives: ArchiveStore = outside.archives
            if kind is ArchiveKind.VAULT:
                endpoint = f"http://127.0.0.1:{server.server_port}"
                glacier = AwsClients(replace(settings, aws_endpoint=endpoint)).glacier()
                glacier.create_vault(accountId="-", vaultName="gas-archive")
                archives = GlacierVault(
                    glacier,
                    AwsClients(settings).s3(),
                    bucket=settings.results_bucket,
                    vault="gas-archive",
                    topic_arn="arn:aws:sns:us-east-1:123456789012:gas-retrievals",
                )

            def refuse() -> None:
                cold.refuses_expedited = True

            try:
                yield Cold(
                    archives=archives,
                    files=outside.results,
                    thaw=outside.inbox(Queue.THAW),
                    clock=SystemClock(),
                    folder=folder,
                    pass_time=lambda duration: time.sleep(duration.total_seconds() + 0.05),
                    refuse=refuse,
                    expedited=timedelta(seconds=cold.expedited),
                    standard=timedelta(seconds=cold.standard),
                    kept=timedelta(seconds=cold.kept),
                    lists=kind is ArchiveKind.VAULT,
                )
            finally:
                cold.quiet()
    finally:
        cold.remove()
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def s3(folder: Path) -> Iterator[Cold]:
    with aws(folder, ArchiveKind.S3) as cold:
        yield cold


@contextmanager
def vault(folder: Path) -> Iterator[Cold]:
    with aws(folder, ArchiveKind.VAULT) as cold:
        yield cold


@pytest.fixture(params=[memory, embedded, s3, vault], ids=lambda world: world.__name__)
def cold(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cold]:
    with request.param(tmp_path) as cold:
        yield cold


def is_readable(cold: Cold, stored: StoredObject) -> bool:
    """Whether an ordinary reader gets the recorded bytes."""
    try:
        body = cold.files.read(stored.key, length=stored.size + 1)
    except Exception:  # noqa: BLE001 - each store refuses in a way of its own
        return False
    return hashlib.sha256(body).hexdigest() == stored.sha256


def test_what_is_archived_cannot_be_read_and_comes_back_byte_for_byte(cold: Cold) -> None:
    stored = cold.put()
    frozen = cold.frozen(stored)
    assert not is_readable(cold, stored)
    asked = cold.ready(frozen)
    assert cold.archives.status(asked) is RetrievalState.READY
    cold.archives.materialise(asked)
    assert is_readable(cold, stored)
    cold.archives.delete(asked)
    assert is_readable(cold, stored)


def test_a_retrieval_takes_its_time_by_tier(cold: Cold) -> None:
    frozen = cold.frozen(cold.put())
    assert cold.archives.status(frozen) is RetrievalState.LOST
    asked = cold.asked(frozen, STANDARD)
    assert cold.archives.status(asked) is RetrievalState.UNDER_WAY
    cold.pass_time(cold.expedited)
    assert cold.archives.status(asked) is RetrievalState.UNDER_WAY
    cold.pass_time(cold.standard - cold.expedited)
    assert cold.archives.status(asked) is RetrievalState.READY


def test_an_expedited_retrieval_may_be_refused_and_a_standard_one_is_to_be_had(
    cold: Cold,
) -> None:
    frozen = cold.frozen(cold.put())
    cold.refuse()
    with pytest.raises(CapacityError):
        cold.archives.start_retrieval(frozen, EXPEDITED)
    asked = cold.asked(frozen, STANDARD)
    assert cold.archives.status(asked) is RetrievalState.UNDER_WAY


def test_a_retrieval_under_way_is_adopted(cold: Cold) -> None:
    frozen = cold.frozen(cold.put())
    first = cold.archives.start_retrieval(frozen, STANDARD)
    assert not first.is_adopted
    again = cold.archives.start_retrieval(
        replace(frozen, retrieval_id=first.retrieval_id), EXPEDITED
    )
    assert again == replace(first, is_adopted=True)


def test_what_was_retrieved_expires_and_can_be_asked_for_again(cold: Cold) -> None:
    stored = cold.put()
    asked = cold.ready(cold.frozen(stored))
    cold.pass_time(cold.kept)
    assert cold.archives.status(asked) is RetrievalState.LOST
    again = cold.ready(replace(asked, retrieval_id=None))
    cold.archives.materialise(again)
    assert is_readable(cold, stored)


def test_a_notice_comes_when_the_object_is_ready(cold: Cold) -> None:
    frozen = cold.frozen(cold.put())
    for delivery in cold.thaw.receive():
        # S3 tries a notification out when it is configured; that says nothing of a job.
        assert cold.archives.parse_event(delivery.body) is None
        cold.thaw.done(delivery)
    cold.asked(frozen)
    assert not cold.thaw.receive()
    cold.pass_time(cold.expedited + timedelta(seconds=0.3))
    [delivery] = cold.thaw.receive()
    assert cold.archives.parse_event(delivery.body) == Message(
        kind=Kind.RETRIEVAL_DUE, job_id="job-1", user_id="ada"
    )


def test_other_bytes_than_the_recorded_ones_are_neither_archived_nor_lost(cold: Cold) -> None:
    stored = cold.put()
    for wrong in (
        replace(stored, sha256="0" * 64),
        replace(stored, size=stored.size + 1),
        replace(stored, size=stored.size - 1),
    ):
        with pytest.raises(ObjectChangedError):
            cold.archives.archive(wrong)
    assert is_readable(cold, stored)


def test_a_retrieval_of_other_bytes_replaces_nothing(cold: Cold) -> None:
    stored = cold.put()
    asked = cold.ready(cold.frozen(stored))
    with pytest.raises(ObjectChangedError):
        cold.archives.materialise(replace(asked, sha256="0" * 64))
    assert cold.archives.status(asked) is RetrievalState.READY
    cold.archives.materialise(asked)
    assert is_readable(cold, stored)


def test_every_step_may_be_repeated(cold: Cold) -> None:
    stored = cold.put()
    cold.archives.archive(stored)
    frozen = replace(stored, archive_id=cold.archives.archive(stored))
    for _ in range(2):
        cold.archives.drop_original(frozen)
    asked = cold.ready(frozen)
    for _ in range(2):
        cold.archives.materialise(asked)
    for _ in range(2):
        cold.archives.delete(asked)
    assert is_readable(cold, stored)


def test_dropping_the_original_late_leaves_what_was_restored_since(cold: Cold) -> None:
    stored = cold.put()
    frozen = replace(stored, archive_id=cold.archives.archive(stored))
    asked = cold.ready(frozen)
    cold.archives.materialise(asked)
    cold.archives.drop_original(frozen)
    assert is_readable(cold, stored)
    cold.archives.delete(asked)
    assert is_readable(cold, stored)


def test_what_is_not_there_is_not_found(cold: Cold) -> None:
    stored = cold.put()
    cold.files.delete(stored.key)
    with pytest.raises(ObjectNotFoundError):
        cold.archives.archive(stored)
    frozen = cold.frozen(cold.put())
    cold.archives.delete(frozen)
    with pytest.raises(ObjectNotFoundError):
        cold.archives.start_retrieval(frozen, EXPEDITED)


def test_a_deleted_archive_is_gone_and_others_of_the_same_bytes_stay(cold: Cold) -> None:
    one, other = cold.put(job_id="job-1"), cold.put(job_id="job-2")
    gone, kept = cold.frozen(one), cold.frozen(other)
    cold.archives.delete(gone)
    cold.archives.materialise(cold.ready(kept))
    assert is_readable(cold, other)
    assert not is_readable(cold, one)


def test_an_empty_object_and_one_of_many_parts_come_back(cold: Cold) -> None:
    for number, size in enumerate((0, 40 * 1024 * 1024 + 7)):
        body = hashlib.sha256(b"seed").digest() * (size // 32 + 1)
        stored = cold.put(body[:size], f"job-{number}")
        asked = cold.ready(cold.frozen(stored))
        cold.archives.materialise(asked)
        assert is_readable(cold, stored)


def test_what_is_archived_and_back_still_downloads_under_its_name(cold: Cold) -> None:
    stored = cold.put()
    asked = cold.ready(cold.frozen(stored))
    cold.archives.materialise(asked)
    link = cold.files.link(stored.key, file_name="x.vcf.gz", expires_in=timedelta(seconds=60))
    assert link
    assert cold.files.head(stored.key).size == stored.size


def test_whoever_lies_in_the_archive_is_listed_with_its_handle(cold: Cold) -> None:
    if not cold.lists:
        pytest.skip("what is frozen lies among the results, and is listed there")
    frozen = cold.frozen(cold.put())
    tomorrow = max(cold.clock.now(), SystemClock().now()) + timedelta(days=1)
    list(cold.archives.listed(tomorrow))
    cold.pass_time(cold.standard)
    [found] = cold.archives.listed(tomorrow)
    assert (found.archive_id, found.job_id) == (frozen.archive_id, "job-1")
    assert not list(cold.archives.listed(tomorrow - timedelta(days=3650)))
    cold.archives.remove(found)
    with pytest.raises(ObjectNotFoundError):
        cold.archives.start_retrieval(frozen, STANDARD)


def test_a_reminder_of_our_own_is_read_as_it_is(cold: Cold) -> None:
    message = Message(kind=Kind.RETRIEVAL_DUE, job_id="job-1", user_id="ada", number=7)
    assert cold.archives.parse_event(message.to_json()) == message


def test_above_five_gigabytes_s3_copies_in_parts(tmp_path: Path) -> None:
    with aws(tmp_path, ArchiveKind.S3) as cold:
        archives = cold.archives
        assert isinstance(archives, S3Archive)
        archives._single_copy = 20 * 1024 * 1024
        body = hashlib.sha256(b"seed").digest() * (1024 * 1024 + 3)
        stored = cold.put(body)
        frozen = cold.frozen(stored)
        assert archives.archive(stored) == frozen.archive_id, "a rerun finds what it froze"
        assert not is_readable(cold, stored)
        archives.materialise(cold.ready(frozen))
        assert is_readable(cold, stored)
        with pytest.raises(ObjectChangedError):
            archives.archive(replace(stored, sha256="0" * 64))
        assert is_readable(cold, stored)
