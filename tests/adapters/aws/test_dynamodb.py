"""The job table in DynamoDB, beyond the port: what the record looks like, and what may go wrong."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import boto3
import pytest
from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from gas.adapters.aws import AwsOutside
from gas.adapters.dynamodb_items import (
    from_item,
    job_attributes,
    job_from,
    moment_of,
    number_of,
    to_item,
    upload_attributes,
    upload_from,
)
from gas.adapters.memory import MemoryClock
from gas.domain.errors import (
    AlreadyExistsError,
    LostLeaseError,
    OutageError,
    StaleJobError,
)
from gas.domain.job import Job, ObjectKind, Progress, Status
from tests.builders import (
    LEASE,
    NOW,
    a_completed_job,
    a_job,
    a_message,
    an_outcome,
    an_upload,
)

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
MUCH_LATER = NOW + timedelta(days=36500)


def _row(job_id: str = "job-1") -> dict[str, Any]:
    client = boto3.client("dynamodb", region_name="us-east-1")
    item = client.get_item(TableName="gas-jobs", Key={"job_id": {"S": job_id}})["Item"]
    return {name: TypeDeserializer().deserialize(value) for name, value in item.items()}


def test_the_record_has_the_names_that_other_readers_know(outside: AwsOutside) -> None:
    job = a_completed_job(retrieval_id="r-1")
    archived = job.start_archiving(NOW).archive(NOW, {ObjectKind.ANNOTATED_VCF: "archive-1"})
    outside.jobs.add(replace(archived, retrieval_id="r-1"))
    row = _row()
    known = {
        "job_id": "job-1",
        "user_id": "ada",
        "input_file_name": "sample.vcf",
        "s3_inputs_bucket": "inputs",
        "s3_key_input_file": "gas/ada/job-1~sample.vcf",
        "submit_time": Decimal(1767225600),
        "job_status": "COMPLETED",
        "s3_results_bucket": "results",
        "s3_key_result_file": "gas/ada/job-1~1~sample.annot.vcf.gz",
        "s3_key_log_file": "gas/ada/job-1~1~sample.count.log",
        "complete_time": Decimal(1767225601),
        "results_file_archive_id": "archive-1",
        "storage_status": "ARCHIVED",
        "retrieval_job_id": "r-1",
    }
    assert {name: row[name] for name in known} == known
    assert {"version", "attempt", "input_etag", "input_version_id", "objects"} <= row.keys()


def test_only_an_unfinished_job_stands_in_the_index_of_those(outside: AwsOutside) -> None:
    outside.jobs.add(before := a_job())
    assert _row()["unfinished"] == "1"
    outside.jobs.move(before, before.cancel(NOW))
    assert "unfinished" not in _row()


@given(st.datetimes(timezones=st.just(NOW.tzinfo)))
def test_a_moment_loses_nothing(moment: Any) -> None:
    assert moment_of(number_of(moment)) == moment


@given(st.integers(0, 10**15), st.integers(0, 10**13), st.integers(1, 10**13))
def test_progress_loses_nothing(records: int, read: int, size: int) -> None:
    job = a_job(progress=Progress(records=records, fraction=min(read, size) / size))
    assert job_from(from_item(to_item(job_attributes(job)))) == job


def test_an_upload_is_purged_some_days_after_it_expired() -> None:
    upload = an_upload(expires_at=NOW + timedelta(seconds=1.5))
    row = upload_attributes(upload)
    assert row["purge_at"] == int((NOW + timedelta(days=7, seconds=1)).timestamp())
    assert upload_from(from_item(to_item(row))) == upload


def _running(outside: AwsOutside) -> Job:
    outside.jobs.add(before := a_job())
    running = before.claim(NOW, LEASE, "one")
    outside.jobs.move(before, running)
    return running


def test_a_move_keeps_the_lease_and_progress_written_since_it_was_read(
    outside: AwsOutside,
) -> None:
    running = _running(outside)
    outside.jobs.renew(running, NOW + HOUR)
    outside.jobs.report(running, Progress(records=7, fraction=0.5))
    outside.jobs.move(running, running.mailed("started:sent"))
    stored = outside.jobs.get("job-1")
    assert stored.leased_until == NOW + HOUR
    assert stored.progress == Progress(records=7, fraction=0.5)
    assert stored.mails == {"started:sent"}


def test_a_new_run_starts_with_its_own_lease_and_no_progress(outside: AwsOutside) -> None:
    running = _running(outside)
    late = NOW + 2 * HOUR
    again = running.claim(late, LEASE, "two")
    outside.jobs.report(running, Progress(records=7, fraction=0.5))
    outside.jobs.renew(running, late + LEASE)
    outside.jobs.move(running, again)
    stored = outside.jobs.get("job-1")
    assert (stored.progress, stored.leased_until) == (None, late + LEASE)
    assert stored == again


def test_a_finish_ends_the_lease(outside: AwsOutside) -> None:
    running = _running(outside)
    outside.jobs.move(running, running.complete(NOW, 1, an_outcome()))
    stored = outside.jobs.get("job-1")
    assert stored.leased_until is None
    assert "lease_until" not in _row()


def _answer_lost_once(outside: AwsOutside, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """What the SDK does when the answer to a write was lost: it sends the write again."""
    client = outside.jobs._client
    write = getattr(client, call)

    def twice(**request: Any) -> object:
        write(**request)
        return write(**request)

    monkeypatch.setattr(client, call, twice)


def test_a_claim_whose_answer_was_lost_is_not_read_as_a_refusal(
    outside: AwsOutside, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside.jobs.add(before := a_job())
    running = before.claim(NOW, LEASE, "one")
    _answer_lost_once(outside, monkeypatch, "update_item")
    outside.jobs.move(before, running)
    assert outside.jobs.get("job-1") == running


def test_a_finish_whose_answer_was_lost_is_not_read_as_a_refusal(
    outside: AwsOutside, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = _running(outside)
    done = running.complete(NOW, 1, an_outcome())
    _answer_lost_once(outside, monkeypatch, "transact_write_items")
    outside.jobs.move(running, done, a_message())
    assert outside.jobs.get("job-1") == done
    assert outside.outbox.pending(before=MUCH_LATER, limit=5) == [a_message()]


def test_a_claim_that_somebody_else_won_is_a_refusal_all_the_same(outside: AwsOutside) -> None:
    outside.jobs.add(before := a_job())
    outside.jobs.move(before, before.claim(NOW, LEASE, "one"))
    with pytest.raises(StaleJobError):
        outside.jobs.move(before, before.claim(NOW, LEASE, "two"))


def test_each_transaction_carries_a_token_of_its_own(
    outside: AwsOutside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the SDK's retries of one transaction are one write, and two transactions are two."""
    tokens: list[str] = []
    client = outside.jobs._client
    write = client.transact_write_items

    def note(**request: Any) -> object:
        tokens.append(request["ClientRequestToken"])
        return write(**request)

    monkeypatch.setattr(client, "transact_write_items", note)
    outside.jobs.add(a_job())
    with pytest.raises(AlreadyExistsError):
        outside.jobs.add(a_job())
    assert len(set(tokens)) == 2


def _refusing(times: int, code: str, write: Callable[..., object]) -> Callable[..., object]:
    left = [times]

    def refuse(**request: Any) -> object:
        if left[0]:
            left[0] -= 1
            raise ClientError(
                {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 400}},  # type: ignore[typeddict-item]
                "UpdateItem",
            )
        return write(**request)

    return refuse


def test_a_heartbeat_waits_for_a_transaction_on_the_same_job(
    outside: AwsOutside, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = _running(outside)
    clock = MemoryClock()
    client = outside.jobs._client
    monkeypatch.setattr(outside.jobs, "_clock", clock)
    refusing = _refusing(2, "TransactionConflictException", client.update_item)
    monkeypatch.setattr(client, "update_item", refusing)
    outside.jobs.renew(running, NOW + HOUR)
    assert outside.jobs.get("job-1").leased_until == NOW + HOUR
    assert clock.now() > MemoryClock().now()


def test_a_transaction_that_never_ends_is_an_outage(
    outside: AwsOutside, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = _running(outside)
    monkeypatch.setattr(outside.jobs, "_clock", MemoryClock())
    client = outside.jobs._client
    refusing = _refusing(99, "TransactionConflictException", client.update_item)
    monkeypatch.setattr(client, "update_item", refusing)
    with pytest.raises(OutageError):
        outside.jobs.renew(running, NOW + HOUR)


def test_a_heartbeat_without_an_owner_is_refused(outside: AwsOutside) -> None:
    outside.jobs.add(a_job())
    with pytest.raises(LostLeaseError):
        outside.jobs.renew(a_job(), NOW)


def test_many_jobs_are_read_in_batches_and_in_order(outside: AwsOutside) -> None:
    jobs = [a_job(f"job-{number:03}", submitted_at=NOW + number * SECOND) for number in range(130)]
    for job in jobs:
        outside.jobs.add(job)
    assert list(outside.jobs.unfinished()) == jobs
    page = outside.jobs.of_user("ada", limit=130)
    assert (list(page.jobs), page.next_token) == (jobs[::-1], None)


def test_what_a_batch_leaves_unread_is_asked_for_again(
    outside: AwsOutside, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        outside.jobs.add(a_job(f"job-{number}", submitted_at=NOW + number * SECOND))
    clock = MemoryClock()
    monkeypatch.setattr(outside.jobs, "_clock", clock)
    client = outside.jobs._client
    read = client.batch_get_item

    def two_at_a_time(RequestItems: Any) -> dict[str, Any]:  # noqa: N803 - the SDK's own name
        keys = RequestItems["gas-jobs"]["Keys"]
        answer = dict(read(RequestItems={"gas-jobs": {"Keys": keys[:2], "ConsistentRead": True}}))
        left = {"gas-jobs": {"Keys": keys[2:]}} if keys[2:] else {}
        return {**answer, "UnprocessedKeys": left}

    monkeypatch.setattr(client, "batch_get_item", two_at_a_time)
    page = outside.jobs.of_user("ada", limit=10)
    assert [job.job_id for job in page.jobs] == [f"job-{number}" for number in (4, 3, 2, 1, 0)]
    monkeypatch.setattr(
        client,
        "batch_get_item",
        lambda RequestItems: {"Responses": {}, "UnprocessedKeys": RequestItems},  # noqa: N803 - as above
    )
    with pytest.raises(OutageError):
        outside.jobs.of_user("ada", limit=10)


def test_a_lagging_index_shows_no_finished_and_no_deleted_job(
    outside: AwsOutside, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        outside.jobs.add(a_job(f"job-{number}", submitted_at=NOW + number * SECOND))
    client = outside.jobs._client
    paginate = client.get_paginator("query").paginate

    class Lagging:
        """An index that was read before what happens in `between`."""

        def paginate(self, **request: Any) -> list[Any]:
            answers = list(paginate(**request))
            first, second = outside.jobs.get("job-0"), outside.jobs.get("job-1")
            outside.jobs.move(first, first.cancel(NOW))
            outside.jobs.delete(second)
            return answers

    monkeypatch.setattr(client, "get_paginator", lambda _name: Lagging())
    rows = [(job.job_id, job.status) for job in outside.jobs.unfinished()]
    assert rows == [("job-2", Status.PENDING)]


def test_a_page_shorter_than_asked_because_of_a_lagging_index_still_leads_on(
    outside: AwsOutside, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        outside.jobs.add(a_job(f"job-{number}", submitted_at=NOW + number * SECOND))
    client = outside.jobs._client
    query = client.query

    def lagging(**request: Any) -> object:
        answer = query(**request)
        monkeypatch.setattr(client, "query", query)
        outside.jobs.delete(outside.jobs.get("job-3"))
        return answer

    monkeypatch.setattr(client, "query", lagging)
    first = outside.jobs.of_user("ada", limit=2)
    second = outside.jobs.of_user("ada", limit=2, token=first.next_token)
    assert [job.job_id for job in first.jobs] == ["job-2"]
    assert [job.job_id for job in second.jobs] == ["job-1", "job-0"]


def test_a_job_as_large_as_ours_get_fits_an_item(outside: AwsOutside) -> None:
    """DynamoDB's limit is 400 KB; the longest names and notes stay far below."""
    job = a_completed_job(note="\u4f60" * 2000, input_file_name="\U0001f9ec" * 255)
    outside.jobs.add(job)
    assert outside.jobs.get("job-1") == job
