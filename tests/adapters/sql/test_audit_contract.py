"""What every audit trail promises; and what the database itself refuses."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, delete, update
from sqlalchemy.exc import DatabaseError

from gas.adapters.sql_audit import SqlAuditTrail
from gas.adapters.sql_tables import AUDIT
from gas.domain.audit import Action, AuditEvent
from tests.adapters.sql.conftest import PeopleWorld


def _event(user_id: str = "ada", at: datetime | None = None, **changes: str) -> AuditEvent:
    moment = at or datetime(2026, 1, 1, 12, 0, 0, 123457, tzinfo=UTC)
    return AuditEvent(at=moment, user_id=user_id, action=Action.JOB_VIEWED, **changes)


def test_what_was_written_is_read_newest_first_and_by_its_person(people: PeopleWorld) -> None:
    first = _event(job_id="job-1", detail="log", request_id="r1")
    second = _event(job_id="job-2")
    for event in (first, _event("bob"), second):
        people.audit.add(event)
    assert list(people.audit.of_user("ada", limit=10)) == [second, first]
    assert list(people.audit.of_user("ada", limit=1)) == [second]


def test_the_trail_outlives_the_account(people: PeopleWorld) -> None:
    people.accounts.save_login("ada", name="Ada", email="a@example.org", institution="")
    people.audit.add(_event())
    people.accounts.delete("ada")
    assert len(people.audit.of_user("ada", limit=10)) == 1


def test_old_lines_are_forgotten_and_young_ones_kept(people: PeopleWorld) -> None:
    now = datetime.now(UTC)
    people.audit.add(_event(at=now - timedelta(days=800)))
    people.audit.add(_event(at=now - timedelta(days=100)))
    assert people.audit.forget(now - timedelta(days=730)) == 1
    assert len(people.audit.of_user("ada", limit=10)) == 1


def test_the_database_refuses_to_change_a_line(engine: Engine) -> None:
    SqlAuditTrail(engine).add(_event())
    with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
        connection.execute(update(AUDIT).values(user_id="nobody"))


def test_the_database_refuses_to_drop_a_line_younger_than_a_year(engine: Engine) -> None:
    SqlAuditTrail(engine).add(_event(at=datetime.now(UTC) - timedelta(days=364)))
    with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
        connection.execute(delete(AUDIT))
