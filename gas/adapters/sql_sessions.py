"""Sessions in a relational database, found by the SHA-256 of their id.

Whoever reads the table cannot log in with what it holds: the id itself is only in the cookie.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy import Engine, delete, insert, or_, select, update

from gas.adapters.sql_engine import translated
from gas.adapters.sql_tables import SESSIONS
from gas.domain.errors import NotFoundError
from gas.ports import Clock, OpenSession, Session

SEEN_STEP = timedelta(minutes=1)
"""How far `seen_at` may lag behind: a page that polls must not write at every poll."""

LONGEST_CLIENT = 200


class SqlSessions:
    """The sessions table."""

    def __init__(self, engine: Engine, clock: Clock, *, idle: timedelta, age: timedelta) -> None:
        self._engine = engine
        self._reads = engine.execution_options(only_reads=True)
        self._clock = clock
        self._idle = idle
        self._age = age
        self._step = min(SEEN_STEP, idle / 10)

    def start(self, user_id: str, tokens: Mapping[str, str], *, client: str = "") -> Session:
        now = self._clock.now()
        session = Session(
            session_id=secrets.token_urlsafe(32),
            user_id=user_id,
            created_at=now,
            seen_at=now,
            tokens=dict(tokens),
        )
        over = or_(
            SESSIONS.c.seen_at < now - self._idle,
            SESSIONS.c.created_at < now - self._age,
        )
        row = insert(SESSIONS).values(
            session_hash=_hash(session.session_id),
            user_id=user_id,
            created_at=now,
            seen_at=now,
            tokens=json.dumps(session.tokens),
            client=client[:LONGEST_CLIENT],
        )
        with translated(), self._engine.begin() as connection:
            connection.execute(delete(SESSIONS).where(over))
            connection.execute(row)
        return session

    def get(self, session_id: str) -> Session:
        now, key = self._clock.now(), _hash(session_id)
        with translated(), self._reads.connect() as connection:
            row = connection.execute(
                select(SESSIONS).where(SESSIONS.c.session_hash == key)
            ).one_or_none()
        if row is None or now - row.seen_at > self._idle or now - row.created_at > self._age:
            raise NotFoundError("no such session")
        if now - row.seen_at >= self._step:
            seen = update(SESSIONS).where(SESSIONS.c.session_hash == key).values(seen_at=now)
            with translated(), self._engine.begin() as connection:
                if connection.execute(seen).rowcount == 0:
                    raise NotFoundError("no such session")
        return Session(
            session_id=session_id,
            user_id=row.user_id,
            created_at=row.created_at,
            seen_at=now,
            tokens=json.loads(row.tokens),
        )

    def end(self, session_id: str) -> None:
        statement = delete(SESSIONS).where(SESSIONS.c.session_hash == _hash(session_id))
        with translated(), self._engine.begin() as connection:
            connection.execute(statement)

    def handle_of(self, session_id: str) -> str:
        return _hash(session_id)

    def of_user(self, user_id: str) -> Sequence[OpenSession]:
        now = self._clock.now()
        query = (
            select(SESSIONS)
            .where(
                SESSIONS.c.user_id == user_id,
                SESSIONS.c.seen_at >= now - self._idle,
                SESSIONS.c.created_at >= now - self._age,
            )
            .order_by(SESSIONS.c.seen_at.desc(), SESSIONS.c.session_hash)
        )
        with translated(), self._reads.connect() as connection:
            return [
                OpenSession(
                    handle=row.session_hash,
                    created_at=row.created_at,
                    seen_at=row.seen_at,
                    client=row.client,
                    tokens=json.loads(row.tokens),
                )
                for row in connection.execute(query)
            ]

    def revoke(self, user_id: str, handle: str) -> None:
        statement = delete(SESSIONS).where(
            SESSIONS.c.session_hash == handle, SESSIONS.c.user_id == user_id
        )
        with translated(), self._engine.begin() as connection:
            if connection.execute(statement).rowcount == 0:
                raise NotFoundError("no such session")


def _hash(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()
