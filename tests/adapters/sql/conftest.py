"""Accounts and sessions on every store there is: memory, SQLite, PostgreSQL."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from gas.adapters.memory_clock import MemoryClock
from gas.adapters.memory_people import (
    MemoryAccounts,
    MemoryAuditTrail,
    MemoryLimits,
    MemorySessions,
)
from gas.adapters.sql_accounts import SqlAccounts
from gas.adapters.sql_audit import SqlAuditTrail
from gas.adapters.sql_engine import make_engine
from gas.adapters.sql_limits import SqlLimits
from gas.adapters.sql_sessions import SqlSessions
from gas.ports import Accounts, AuditTrail, Limits, Sessions

BINARIES = Path("/usr/lib/postgresql/15/bin")
IDLE, AGE = timedelta(hours=12), timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class PeopleWorld:
    clock: MemoryClock
    accounts: Accounts
    sessions: Sessions
    audit: AuditTrail
    limits: Limits


def _sql(engine: Engine) -> PeopleWorld:
    clock = MemoryClock()
    return PeopleWorld(
        clock=clock,
        accounts=SqlAccounts(engine, clock),
        sessions=SqlSessions(engine, clock, idle=IDLE, age=AGE),
        audit=SqlAuditTrail(engine),
        limits=SqlLimits(engine, clock),
    )


def _empty(engine: Engine) -> None:
    # TRUNCATE passes by the triggers that keep the audit trail.
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE accounts, sessions, audit, limits"))


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    """Debian's PostgreSQL on a free port, as an ordinary user, for as long as the block lasts."""
    data, user = folder / "data", "postgres" if os.geteuid() == 0 else None
    if user is not None:
        owner = pwd.getpwnam(user)
        os.chown(folder, owner.pw_uid, owner.pw_gid)

    def run(*command: str) -> None:
        subprocess.run(
            [str(BINARIES / command[0]), *command[1:]],
            check=True,
            user=user,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            timeout=120,
        )

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    run("initdb", "-D", str(data), "-A", "trust", "-U", "gas", "--no-sync")
    options = f"-p {port} -h 127.0.0.1 -k {folder} -F"
    run("pg_ctl", "start", "-w", "-D", str(data), "-o", options, "-l", str(folder / "log"))
    try:
        yield f"postgresql://gas@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "stop", "-m", "immediate", "-D", str(data))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    if not (BINARIES / "pg_ctl").exists():
        pytest.skip("Debian's PostgreSQL 15 is not installed")
    # PostgreSQL's own user must be able to enter the folder, which pytest's keeps to its owner.
    folder = Path(tempfile.mkdtemp(prefix="gas-postgres-"))
    try:
        with _server(folder) as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.debian)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "sqlite":
        made = make_engine(f"sqlite:///{tmp_path}/accounts/accounts.db")
    else:
        made = make_engine(request.getfixturevalue("postgres_url"))
        _empty(made)
    yield made
    made.dispose()


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.debian)])
def people(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PeopleWorld]:
    if request.param == "memory":
        clock = MemoryClock()
        yield PeopleWorld(
            clock=clock,
            sessions=(sessions := MemorySessions(clock, idle=IDLE, age=AGE)),
            accounts=MemoryAccounts(clock, sessions),
            audit=MemoryAuditTrail(),
            limits=MemoryLimits(clock),
        )
        return
    url = f"sqlite:///{tmp_path}/accounts.db"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    made = make_engine(url)
    if request.param == "postgres":
        _empty(made)
    yield _sql(made)
    made.dispose()
