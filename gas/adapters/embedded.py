"""The whole outside world on one machine: files and SQLite under one home, durable.

Any number of processes may share a home; nothing is kept in any of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gas.adapters import embedded_archive, embedded_jobs, embedded_objects, embedded_queues
from gas.adapters.embedded_archive import EmbeddedArchive, Pace
from gas.adapters.embedded_db import Database
from gas.adapters.embedded_files import EmbeddedFiles
from gas.adapters.embedded_forms import Forms
from gas.adapters.embedded_jobs import EmbeddedJobs, EmbeddedUploads
from gas.adapters.embedded_mail import EmbeddedMailer, MailBox
from gas.adapters.embedded_objects import ObjectStore
from gas.adapters.embedded_queues import EmbeddedInbox, EmbeddedTopics
from gas.adapters.embedded_wakeup import Doorbell
from gas.config import Settings
from gas.domain.message import Queue
from gas.ports import Clock


@dataclass(frozen=True, kw_only=True)
class EmbeddedPorts:
    """Every port but the accounts, and the box the mails lie in."""

    jobs: EmbeddedJobs
    outbox: EmbeddedJobs
    topics: EmbeddedTopics
    uploads: EmbeddedUploads
    inputs: EmbeddedFiles
    results: EmbeddedFiles
    archives: EmbeddedArchive
    mailer: EmbeddedMailer
    mail_box: MailBox
    inbox: Callable[[Queue], EmbeddedInbox]
    dead_inbox: Callable[[Queue], EmbeddedInbox]


@dataclass(frozen=True, kw_only=True)
class StorePorts:
    """What the object store's own process needs: objects, and whom to let at them."""

    store: ObjectStore
    forms: Forms


def connect_embedded(settings: Settings, clock: Clock) -> EmbeddedPorts:
    """Everything under `settings.home`, created where it is not there yet."""
    home = settings.home.absolute()
    database = _database(home)
    objects = _store(settings, database, clock)
    doorbell = Doorbell(home / "bells")
    jobs = EmbeddedJobs(database, clock, secret_key=settings.secret_key)

    def inbox(queue: Queue, *, max_receives: int | None = settings.max_receives) -> EmbeddedInbox:
        return EmbeddedInbox(
            queue,
            database,
            doorbell,
            clock,
            visibility=settings.lease,
            poll=settings.poll,
            max_receives=max_receives,
        )

    return EmbeddedPorts(
        jobs=jobs,
        outbox=jobs,
        topics=EmbeddedTopics(database, doorbell, clock),
        uploads=EmbeddedUploads(database),
        inputs=EmbeddedFiles(settings.inputs_bucket, objects.store, objects.forms),
        results=EmbeddedFiles(settings.results_bucket, objects.store, objects.forms),
        archives=EmbeddedArchive(
            home / "archive",
            settings.results_bucket,
            objects.store,
            database,
            clock,
            Pace(
                expedited=settings.expedited,
                standard=settings.standard,
                kept=settings.retrieval_kept,
                refuses_expedited=settings.expedited_refused,
            ),
        ),
        mailer=EmbeddedMailer(home / "mail", clock, mail_from=settings.mail_from),
        mail_box=MailBox(home / "mail"),
        inbox=inbox,
        dead_inbox=partial(inbox, max_receives=None),
    )


def connect_store(settings: Settings, clock: Clock) -> StorePorts:
    """The object store alone."""
    return _store(settings, _database(settings.home.absolute()), clock)


def _database(home: Path) -> Database:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Database(
        home / "service.sqlite3",
        schema=(
            embedded_jobs.SCHEMA + embedded_queues.SCHEMA,
            embedded_objects.SCHEMA,
            embedded_queues.FAIR_SCHEMA + embedded_jobs.UNFINISHED_SCHEMA,
            embedded_jobs.WATCH + embedded_archive.SCHEMA,
        ),
    )


def _store(settings: Settings, database: Database, clock: Clock) -> StorePorts:
    buckets = (settings.inputs_bucket, settings.results_bucket)
    folder = settings.home.absolute() / "objects"
    return StorePorts(
        store=ObjectStore(folder, buckets, database, clock),
        forms=Forms(secret_key=settings.secret_key, store_url=settings.store_url, clock=clock),
    )
