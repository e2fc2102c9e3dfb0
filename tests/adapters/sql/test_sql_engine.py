"""The database as such: start, outages, what lies in the tables."""

import multiprocessing
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, inspect, select, text

from gas.adapters.memory_clock import MemoryClock
from gas.adapters.sql_accounts import SqlAccounts
from gas.adapters.sql_engine import make_engine
from gas.adapters.sql_sessions import SqlSessions
from gas.adapters.sql_tables import ACCOUNTS, METADATA, SESSIONS
from gas.domain.errors import ConfigurationError, OutageError

TABLES = {*METADATA.tables, "alembic_version"}


def _start(url: str) -> None:
    make_engine(url).dispose()


def _start_many(url: str) -> list[int | None]:
    spawn = multiprocessing.get_context("spawn")
    starts = [spawn.Process(target=_start, args=(url,)) for _ in range(4)]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    return [start.exitcode for start in starts]


def test_processes_that_start_at_once_make_one_schema(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/accounts.db"
    assert _start_many(url) == [0, 0, 0, 0]
    assert set(inspect(create_engine(url)).get_table_names()) == TABLES


@pytest.mark.debian
def test_processes_that_start_at_once_make_one_schema_in_postgresql(postgres_url: str) -> None:
    engine = make_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    assert _start_many(postgres_url) == [0, 0, 0, 0]
    assert set(inspect(engine).get_table_names()) == TABLES
    engine.dispose()


def test_the_table_holds_no_session_id(engine: Engine) -> None:
    clock = MemoryClock()
    SqlAccounts(engine, clock).save_login("ada", name="a", email="a@b.c", institution="")
    sessions = SqlSessions(engine, clock, idle=timedelta(hours=1), age=timedelta(days=1))
    session = sessions.start("ada", {})
    with engine.connect() as connection:
        row = connection.execute(select(SESSIONS)).one()
    assert session.session_id not in repr(row)
    assert len(row.session_hash) == 64


def test_dead_sessions_are_swept_when_one_begins(engine: Engine) -> None:
    clock = MemoryClock()
    SqlAccounts(engine, clock).save_login("ada", name="a", email="a@b.c", institution="")
    sessions = SqlSessions(engine, clock, idle=timedelta(hours=1), age=timedelta(days=1))
    for _ in range(3):
        sessions.start("ada", {})
    clock.advance(timedelta(hours=2))
    live = sessions.start("ada", {})
    with engine.connect() as connection:
        assert len(connection.execute(select(SESSIONS)).all()) == 1
    assert sessions.get(live.session_id).user_id == "ada"


def test_a_dropped_connection_is_replaced_unseen(engine: Engine) -> None:
    accounts = SqlAccounts(engine, MemoryClock())
    accounts.save_login("ada", name="a", email="a@b.c", institution="")
    if engine.dialect.name == "postgresql":
        url = engine.url
        other = create_engine(url, isolation_level="AUTOCOMMIT")
        with other.connect() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name = 'gas'"
                )
            )
        other.dispose()
    else:
        engine.dispose()
    assert accounts.get("ada").name == "a"


def test_an_unreachable_database_is_an_outage() -> None:
    with pytest.raises(OutageError) as caught:
        make_engine("postgresql://gas@127.0.0.1:9/nowhere")
    assert caught.value.retry_after is not None


def test_a_full_pool_is_an_outage_and_not_a_wait(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/accounts.db")
    engine.pool._timeout = 0.01  # type: ignore[attr-defined]
    accounts = SqlAccounts(engine, MemoryClock())
    held = [engine.execution_options(only_reads=True).connect() for _ in range(8)]
    with pytest.raises(OutageError):
        accounts.get("ada")
    for connection in held:
        connection.close()
    engine.dispose()


def test_the_sqlite_file_is_its_owners_alone(tmp_path: Path) -> None:
    make_engine(f"sqlite:///{tmp_path}/deep/accounts.db").dispose()
    assert stat.S_IMODE((tmp_path / "deep/accounts.db").stat().st_mode) == 0o600


def test_a_session_needs_its_account(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(ACCOUNTS.delete())
    sessions = SqlSessions(engine, MemoryClock(), idle=timedelta(hours=1), age=timedelta(days=1))
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        sessions.start("nobody", {})


@pytest.mark.parametrize("address", ["", "sqlite://", "sqlite:///:memory:", "mysql://x/y", "x y"])
def test_an_address_that_cannot_serve_stops_the_start(address: str) -> None:
    with pytest.raises(ConfigurationError, match="DATABASE_URL"):
        make_engine(address)
