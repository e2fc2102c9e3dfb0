"""The schema: what the migrations make is what the code reads, from any start."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, text

from gas.adapters.memory_clock import MemoryClock
from gas.adapters.sql_accounts import SqlAccounts
from gas.adapters.sql_engine import make_engine
from gas.adapters.sql_migrate import HEAD, SCRIPTS, migrate, revision_of
from gas.adapters.sql_tables import METADATA
from gas.domain.account import Tier

FIRST_RELEASE = (
    """CREATE TABLE accounts (user_id VARCHAR(64) PRIMARY KEY, name TEXT NOT NULL,
    email TEXT NOT NULL, institution TEXT NOT NULL, tier VARCHAR(32) NOT NULL,
    created_at TIMESTAMP NOT NULL, downgraded_at TIMESTAMP, email_bounced_at TIMESTAMP)""",
    """CREATE TABLE sessions (session_hash VARCHAR(64) PRIMARY KEY, user_id VARCHAR(64) NOT NULL
    REFERENCES accounts (user_id) ON DELETE CASCADE, created_at TIMESTAMP NOT NULL,
    seen_at TIMESTAMP NOT NULL, tokens TEXT NOT NULL)""",
    """INSERT INTO accounts VALUES ('ada', 'Ada', 'ada@example.org', '', 'premium_user',
    '2026-01-01 00:00:00.000000', NULL, NULL)""",
)
"""What the release before the first migration made by itself, and one account in it."""


def test_the_migrations_make_exactly_the_tables_the_code_reads(engine: Engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_this_release_stands_at_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_a_migrated_database_is_left_alone(engine: Engine) -> None:
    assert migrate(engine) == (HEAD, HEAD)


def test_a_database_made_before_the_first_migration_keeps_its_accounts(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/accounts.db"
    old = create_engine(url)
    with old.begin() as connection:
        for statement in FIRST_RELEASE:
            connection.execute(text(statement))
    old.dispose()
    engine = make_engine(url)
    account = SqlAccounts(engine, MemoryClock()).get("ada")
    assert (account.tier, account.terms_version, account.erasing_at) == (Tier.PREMIUM, "", None)
    with engine.connect() as connection:
        assert revision_of(connection) == HEAD
    engine.dispose()


def test_a_release_serves_beside_a_database_one_migration_ahead(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/accounts.db"
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert migrate(engine) == ("9999", "9999")
    assert SqlAccounts(engine, MemoryClock()).count()[Tier.FREE] == 0
    engine.dispose()


def test_a_migration_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/accounts.db"
    monkeypatch.setattr("gas.adapters.sql_migrate.HEAD", "0000-no-such-revision")
    with pytest.raises(Exception, match="no-such-revision"):
        make_engine(url)
    bare = create_engine(url)
    assert inspect(bare).get_table_names() == []
    bare.dispose()
    monkeypatch.undo()
    make_engine(url).dispose()
