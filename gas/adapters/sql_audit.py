"""The audit trail in a relational database, whose triggers keep it append-only."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine, delete, insert, select

from gas.adapters.sql_engine import translated
from gas.adapters.sql_tables import AUDIT
from gas.domain.audit import Action, AuditEvent


class SqlAuditTrail:
    """The audit table."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reads = engine.execution_options(only_reads=True)

    def add(self, event: AuditEvent) -> None:
        row = insert(AUDIT).values(
            at=event.at,
            user_id=event.user_id,
            action=event.action.value,
            job_id=event.job_id,
            detail=event.detail,
            request_id=event.request_id,
        )
        with translated(), self._engine.begin() as connection:
            connection.execute(row)

    def of_user(self, user_id: str, *, limit: int) -> Sequence[AuditEvent]:
        query = (
            select(AUDIT)
            .where(AUDIT.c.user_id == user_id)
            .order_by(AUDIT.c.event_id.desc())
            .limit(limit)
        )
        with translated(), self._reads.connect() as connection:
            return [
                AuditEvent(
                    at=row.at,
                    user_id=row.user_id,
                    action=Action(row.action),
                    job_id=row.job_id,
                    detail=row.detail,
                    request_id=row.request_id,
                )
                for row in connection.execute(query)
            ]

    def forget(self, before: datetime) -> int:
        statement = delete(AUDIT).where(AUDIT.c.at < before)
        with translated(), self._engine.begin() as connection:
            return connection.execute(statement).rowcount
