"""Accounts in a relational database, through SQLAlchemy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Engine, Row, case, delete, func, null, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gas.adapters.sql_audit import SqlAuditTrail
from gas.adapters.sql_engine import make_engine, translated
from gas.adapters.sql_limits import SqlLimits
from gas.adapters.sql_sessions import SqlSessions
from gas.adapters.sql_tables import ACCOUNTS
from gas.config import Settings
from gas.domain.account import Account, Tier
from gas.domain.errors import NotFoundError
from gas.ports import Clock


@dataclass(frozen=True, kw_only=True)
class People:
    """Accounts, their sessions, what they did and how often, in one database."""

    accounts: "SqlAccounts"
    sessions: SqlSessions
    audit: SqlAuditTrail
    limits: SqlLimits


def connect_accounts(settings: Settings, clock: Clock) -> People:
    """Open the accounts database; call it in the process that uses it, after any fork."""
    engine = make_engine(settings.database_url)
    return People(
        accounts=SqlAccounts(engine, clock),
        sessions=SqlSessions(engine, clock, idle=settings.session_idle, age=settings.session_age),
        audit=SqlAuditTrail(engine),
        limits=SqlLimits(engine, clock),
    )


class SqlAccounts:
    """The accounts table."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._reads = engine.execution_options(only_reads=True)
        self._clock = clock

    def get(self, user_id: str) -> Account:
        query = select(ACCOUNTS).where(ACCOUNTS.c.user_id == user_id)
        with translated(), self._reads.connect() as connection:
            return _account(connection.execute(query).one_or_none())

    def save_login(self, user_id: str, *, name: str, email: str, institution: str) -> Account:
        now = self._clock.now()
        # Two first logins of one person may come at once: the database decides, in one statement.
        insert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        fresh = insert(ACCOUNTS).values(
            user_id=user_id,
            name=name,
            email=email,
            institution=institution,
            tier=Tier.FREE.value,
            created_at=now,
            logged_in_at=now,
        )
        same_email: ColumnElement[bool] = ACCOUNTS.c.email == email
        statement = fresh.on_conflict_do_update(
            index_elements=[ACCOUNTS.c.user_id],
            set_={
                "name": name,
                "email": email,
                "institution": institution,
                "logged_in_at": now,
                "email_bounced_at": case((same_email, ACCOUNTS.c.email_bounced_at), else_=null()),
            },
        ).returning(ACCOUNTS)
        with translated(), self._engine.begin() as connection:
            return _account(connection.execute(statement).one())

    def set_tier(self, user_id: str, tier: Tier) -> Account:
        query = select(ACCOUNTS).where(ACCOUNTS.c.user_id == user_id).with_for_update()
        with translated(), self._engine.begin() as connection:
            account, now = _account(connection.execute(query).one_or_none()), self._clock.now()
            if account.tier is tier:
                return account
            statement = (
                update(ACCOUNTS)
                .where(ACCOUNTS.c.user_id == user_id)
                .values(
                    tier=tier.value,
                    downgraded_at=now if tier is Tier.FREE else account.downgraded_at,
                    plan_changed_at=now,
                )
                .returning(ACCOUNTS)
            )
            return _account(connection.execute(statement).one())

    def settle_plan(self, account: Account) -> None:
        statement = (
            update(ACCOUNTS)
            .where(ACCOUNTS.c.user_id == account.user_id)
            .where(ACCOUNTS.c.plan_changed_at == account.plan_changed_at)
            .values(plan_changed_at=None)
        )
        with translated(), self._engine.begin() as connection:
            connection.execute(statement)

    def unsettled(self, before: datetime) -> Sequence[Account]:
        query = (
            select(ACCOUNTS)
            .where(ACCOUNTS.c.plan_changed_at < before)
            .order_by(ACCOUNTS.c.plan_changed_at)
        )
        with translated(), self._reads.connect() as connection:
            return [_account(row) for row in connection.execute(query)]

    def note_bounce(self, email: str) -> None:
        statement = (
            update(ACCOUNTS)
            .where(ACCOUNTS.c.email == email)
            .values(email_bounced_at=self._clock.now())
        )
        with translated(), self._engine.begin() as connection:
            connection.execute(statement)

    def consent(self, user_id: str, terms_version: str) -> Account:
        return self._update(
            user_id, {"terms_version": terms_version, "consented_at": self._clock.now()}
        )

    def start_erasing(self, user_id: str) -> Account:
        return self._update(
            user_id, {"erasing_at": func.coalesce(ACCOUNTS.c.erasing_at, self._clock.now())}
        )

    def erasing(self) -> Sequence[Account]:
        query = (
            select(ACCOUNTS)
            .where(ACCOUNTS.c.erasing_at.is_not(None))
            .order_by(ACCOUNTS.c.erasing_at)
        )
        with translated(), self._reads.connect() as connection:
            return [_account(row) for row in connection.execute(query)]

    def unused(self, since: datetime) -> Sequence[Account]:
        last = func.coalesce(ACCOUNTS.c.logged_in_at, ACCOUNTS.c.created_at)
        query = select(ACCOUNTS).where(ACCOUNTS.c.erasing_at.is_(None), last < since)
        with translated(), self._reads.connect() as connection:
            return [_account(row) for row in connection.execute(query)]

    def delete(self, user_id: str) -> None:
        with translated(), self._engine.begin() as connection:
            connection.execute(delete(ACCOUNTS).where(ACCOUNTS.c.user_id == user_id))

    def count(self) -> Mapping[Tier, int]:
        query = select(ACCOUNTS.c.tier, func.count()).group_by(ACCOUNTS.c.tier)
        with translated(), self._reads.connect() as connection:
            found = {Tier(row[0]): int(row[1]) for row in connection.execute(query)}
        return {tier: found.get(tier, 0) for tier in Tier}

    def _update(self, user_id: str, values: Mapping[str, object]) -> Account:
        statement = (
            update(ACCOUNTS)
            .where(ACCOUNTS.c.user_id == user_id)
            .values(**values)
            .returning(ACCOUNTS)
        )
        with translated(), self._engine.begin() as connection:
            return _account(connection.execute(statement).one_or_none())


def _account(row: Row[tuple[object, ...]] | None) -> Account:
    if row is None:
        raise NotFoundError("no such account")
    fields = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    return Account(**{**fields, "tier": Tier(fields["tier"])})
