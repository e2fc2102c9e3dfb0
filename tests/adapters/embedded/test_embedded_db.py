"""The SQLite file under the embedded adapters."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from gas.adapters import embedded_db
from gas.adapters.embedded import connect_embedded
from gas.adapters.embedded_db import Database, check_sqlite
from gas.adapters.memory import MemoryClock
from gas.domain.errors import ConfigurationError, OutageError
from gas.domain.job import Progress
from gas.domain.message import Kind, Queue
from gas.relay import relay
from tests.adapters.embedded.counting_disk import CountingDisk, counting_disk
from tests.adapters.worlds.embedded import embedded_settings
from tests.builders import LEASE, a_job, a_message, an_outcome

TABLE = "CREATE TABLE words (word TEXT PRIMARY KEY) STRICT;"


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "words.sqlite3", schema=(TABLE,))


def _write(database: Database, word: str) -> None:
    with database.writing() as transaction:
        transaction.execute("INSERT INTO words VALUES (?)", word)


def _words(database: Database) -> list[str]:
    return [word for (word,) in database.rows("SELECT word FROM words ORDER BY word")]


@pytest.mark.parametrize("version", ["3.7.0", "3.40.1", "3.44.5", "3.50.6", "3.51.2", "3.49.9"])
def test_a_sqlite_that_can_corrupt_its_files_is_refused(version: str) -> None:
    with pytest.raises(ConfigurationError, match=r"3\.51\.3"):
        check_sqlite(version)


@pytest.mark.parametrize("version", ["3.44.6", "3.50.7", "3.51.3", "3.52.0", "3.54.0.1", "4.0.0"])
def test_a_mended_sqlite_is_taken(version: str) -> None:
    check_sqlite(version)


def _write_then_fail(database: Database) -> None:
    with database.writing() as transaction:
        transaction.execute("INSERT INTO words VALUES ('lost')")
        raise ValueError("changed my mind")


def test_an_error_in_a_transaction_takes_it_back(database: Database) -> None:
    _write(database, "kept")
    with pytest.raises(ValueError, match="changed my mind"):
        _write_then_fail(database)
    assert _words(database) == ["kept"]
    _write(database, "later")


def test_a_mistake_of_ours_is_no_outage(database: Database) -> None:
    _write(database, "once")
    with pytest.raises(apsw.ConstraintError):
        _write(database, "once")
    with pytest.raises(apsw.SQLError):
        database.rows("SELECT nothing FROM nowhere")


def test_a_write_lock_that_is_never_given_back_is_an_outage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_db, "BUSY_SECONDS", 0.01)
    database = Database(tmp_path / "words.sqlite3", schema=(TABLE,))
    other = apsw.Connection(str(tmp_path / "words.sqlite3"))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OutageError) as raised:
        _write(database, "never")
    assert raised.value.retry_after
    assert _words(database) == []
    other.close()
    _write(database, "now")


def test_a_file_that_is_no_database_is_an_outage(tmp_path: Path) -> None:
    (tmp_path / "words.sqlite3").write_bytes(b"x" * 10_000)
    with pytest.raises(OutageError):
        Database(tmp_path / "words.sqlite3", schema=(TABLE,))


def test_a_newer_release_adds_to_the_schema_and_an_older_one_refuses_it(tmp_path: Path) -> None:
    path = tmp_path / "words.sqlite3"
    _write(Database(path, schema=(TABLE,)), "old")
    more = "ALTER TABLE words ADD COLUMN language TEXT NOT NULL DEFAULT 'en';"
    newer = Database(path, schema=(TABLE, more))
    assert newer.rows("SELECT word, language FROM words") == [("old", "en")]
    with pytest.raises(ConfigurationError, match="newer release"):
        Database(path, schema=(TABLE,))


def test_a_schema_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "words.sqlite3"
    with pytest.raises(apsw.SQLError):
        Database(path, schema=(TABLE, "CREATE NONSENSE;"))
    _write(Database(path, schema=(TABLE,)), "fine")


def test_a_forked_child_and_its_parent_both_go_on(database: Database) -> None:
    _write(database, "before")
    child = os.fork()
    if child == 0:
        try:
            _write(database, "child")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    _write(database, "parent")
    assert _words(database) == ["before", "child", "parent"]


def test_a_home_is_nobody_elses(tmp_path: Path) -> None:
    connect_embedded(embedded_settings(tmp_path / "home"), MemoryClock())
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700


def test_a_second_start_finds_everything(tmp_path: Path) -> None:
    settings, clock = embedded_settings(tmp_path / "home"), MemoryClock()
    first = connect_embedded(settings, clock)
    first.jobs.add(a_job(), a_message())
    first.topics.publish(a_message())
    (tmp_path / "body").write_bytes(b"body")
    info = first.inputs.upload(tmp_path / "body", "k", content_type="text/plain", file_name="k")
    second = connect_embedded(settings, clock)
    assert second.jobs.get("job-1") == a_job()
    assert second.inputs.head("k") == info
    assert len(second.inbox(Queue.ANNOTATE).receive()) == 1
    assert not first.inbox(Queue.ANNOTATE).receive()


@pytest.fixture
def disk() -> Iterator[CountingDisk]:
    with counting_disk() as disk:
        yield disk


def test_only_what_a_power_cut_may_not_undo_waits_for_the_disk(
    disk: CountingDisk, tmp_path: Path
) -> None:
    clock = MemoryClock()
    ports = connect_embedded(embedded_settings(tmp_path / "home"), clock)
    inbox, job = ports.inbox(Queue.ANNOTATE), a_job()
    ports.jobs.add(job, a_message())
    syncs: dict[str, int] = {}

    def count(name: str, before: int) -> None:
        syncs[name] = disk.syncs - before

    before = disk.syncs
    relay([a_message()], outbox=ports.outbox, topics=ports.topics)
    delivery = inbox.receive()[0]
    count("relay and receive", before)
    before = disk.syncs
    running = job.claim(clock.now(), LEASE, "one")
    ports.jobs.move(job, running)
    count("claim", before)
    before = disk.syncs
    ports.jobs.renew(running, clock.now() + LEASE)
    ports.jobs.report(running, Progress(records=1, fraction=0.5))
    inbox.extend(delivery, LEASE)
    count("heartbeat", before)
    before = disk.syncs
    done = running.complete(clock.now(), 1, an_outcome())
    ports.jobs.move(running, done, a_message(kind=Kind.JOB_COMPLETED))
    count("complete", before)
    before = disk.syncs
    relay([a_message(kind=Kind.JOB_COMPLETED)], outbox=ports.outbox, topics=ports.topics)
    inbox.done(delivery)
    count("relay and done", before)
    before = disk.syncs
    (tmp_path / "body").write_bytes(b"body")
    ports.results.upload(tmp_path / "body", "k", content_type="x", file_name="x")
    count("upload: the bytes and their folder", before)
    before = disk.syncs
    ports.results.delete("k")
    count("delete", before)
    before = disk.syncs
    ports.topics.publish(a_message("in no outbox"))
    count("publish from nowhere", before)
    assert syncs == {
        "relay and receive": 0,
        "claim": 1,
        "heartbeat": 0,
        "complete": 1,
        "relay and done": 0,
        "upload: the bytes and their folder": 2,
        "delete": 1,
        "publish from nowhere": 1,
    }
