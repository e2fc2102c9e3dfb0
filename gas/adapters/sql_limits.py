"""Rate limits in a relational database: one row a key, one statement a request.

The generic cell rate algorithm: a row holds the moment until which the allowance is used up, each
request pushes it by per/most, and a request that would push it further than `per` ahead is
refused.  Clocks of web processes may differ by their skew; an allowance is not a lock.
"""

import hashlib
from datetime import timedelta

from sqlalchemy import Engine, case, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from gas.adapters.sql_engine import translated
from gas.adapters.sql_tables import LIMITS
from gas.ports import Clock

SLACK = 0.001
"""Part of one step by which a request may come too early."""


class SqlLimits:
    """The limits table.  Keys are kept as a hash: they name people and their addresses."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def take(self, key: str, *, most: int, per: timedelta) -> timedelta | None:
        now, step = self._clock.now().timestamp(), per.total_seconds() / most
        full = LIMITS.c.full_until
        from_now = case((full > now, full), else_=now)
        insert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        key_hash = hashlib.sha256(key.encode()).hexdigest()
        fresh = insert(LIMITS).values(key_hash=key_hash, full_until=now + step)
        # A little slack: the sums of floating-point steps need not meet `per` exactly.
        room = now + per.total_seconds() - step * (1 - SLACK)
        statement = fresh.on_conflict_do_update(
            index_elements=[LIMITS.c.key_hash],
            set_={"full_until": from_now + step},
            where=from_now <= room,
        ).returning(full)
        with translated(), self._engine.begin() as connection:
            if connection.execute(statement).one_or_none() is not None:
                return None
            until = connection.execute(
                select(full).where(LIMITS.c.key_hash == key_hash)
            ).scalar_one()
        return timedelta(seconds=max(0.001, float(until) - room))

    def tidy(self) -> None:
        statement = delete(LIMITS).where(LIMITS.c.full_until < self._clock.now().timestamp())
        with translated(), self._engine.begin() as connection:
            connection.execute(statement)
