"""Every failure of AWS becomes one of ours, and its family is its policy."""

import socket
from datetime import timedelta
from typing import Any

import pytest
from boto3.exceptions import RetriesExceededError, S3UploadFailedError
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    FlexibleChecksumError,
    IncompleteReadError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from gas.adapters.aws import connect_aws
from gas.adapters.aws_errors import translated
from gas.adapters.clock import SystemClock
from gas.domain.errors import (
    ConfigurationError,
    GasError,
    JobNotFoundError,
    OutageError,
    PermanentError,
    StaleJobError,
    TemporaryError,
)
from gas.domain.message import Queue
from tests.adapters.worlds.aws import aws_settings
from tests.builders import a_message


def _answer(
    code: str, status: int = 400, headers: dict[str, str] | None = None, **more: Any
) -> ClientError:
    answer: Any = {
        "Error": {"Code": code, "Message": "words of AWS"},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers or {}},
        **more,
    }
    return ClientError(answer, "PutItem")


def _translation(error: Exception, **conditions: GasError) -> GasError:
    with pytest.raises(GasError) as caught, translated(conditions):
        raise error
    return caught.value


@pytest.mark.parametrize(
    "error",
    [
        _answer("ProvisionedThroughputExceededException"),
        _answer("ThrottlingException"),
        _answer("RequestLimitExceeded"),
        _answer("TooManyRequestsException", 429),
        _answer("SlowDown", 503),
        _answer("InternalServerError", 500),
        _answer("SomethingNew", 503),
        _answer("SomethingNew", 429),
        _answer("ExpiredTokenException"),
        _answer("OverLimit"),
        _answer("TransactionCanceledException", CancellationReasons=[{"Code": "ThrottlingError"}]),
        _answer(
            "TransactionCanceledException",
            CancellationReasons=[{"Code": "None"}, {"Code": "TransactionConflict"}],
        ),
        EndpointConnectionError(endpoint_url="https://sqs"),
        ConnectTimeoutError(endpoint_url="https://sqs"),
        ReadTimeoutError(endpoint_url="https://sqs"),
        IncompleteReadError(actual_bytes=1, expected_bytes=2),
        ResponseStreamingError(error="broken"),
        FlexibleChecksumError(error_msg="other bytes"),
        CredentialRetrievalError(provider="iam-role", error_msg="slow"),
        RetriesExceededError(OSError()),
    ],
    ids=lambda error: str(error)[:60],
)
def test_what_passes_by_itself_is_an_outage(error: Exception) -> None:
    assert isinstance(_translation(error), OutageError)


@pytest.mark.parametrize(
    "error",
    [
        _answer("AccessDenied", 403),
        _answer("AccessDeniedException"),
        _answer("ResourceNotFoundException"),
        _answer("QueueDoesNotExist"),
        _answer("AWS.SimpleQueueService.NonExistentQueue"),
        _answer("NoSuchBucket", 404),
        _answer("InvalidClientTokenId", 403),
        NoCredentialsError(),
    ],
    ids=lambda error: str(error)[:60],
)
def test_what_only_an_operator_can_mend_stops_the_process(error: Exception) -> None:
    translation = _translation(error)
    assert isinstance(translation, ConfigurationError)
    assert not isinstance(translation, TemporaryError | PermanentError)


@pytest.mark.parametrize(
    "error",
    [
        _answer("ValidationException"),
        _answer("TransactionCanceledException", CancellationReasons=[{"Code": "ValidationError"}]),
        ParamValidationError(report="no such parameter"),
        S3UploadFailedError("text"),
    ],
    ids=lambda error: str(error)[:60],
)
def test_a_bug_of_ours_is_of_no_family(error: Exception) -> None:
    assert type(_translation(error)) is GasError


def test_what_the_caller_expects_comes_before_the_families() -> None:
    stale = StaleJobError("moved on")
    refused = _answer(
        "TransactionCanceledException",
        CancellationReasons=[{"Code": "None"}, {"Code": "ConditionalCheckFailed"}],
    )
    assert _translation(refused, ConditionalCheckFailed=stale) is stale


@pytest.mark.parametrize(
    ("header", "wait"),
    [("7", timedelta(seconds=7)), ("soon", None), ("-1", None), ("²", None)],
)
def test_when_to_try_again_is_taken_from_the_answer(header: str, wait: timedelta | None) -> None:
    translation = _translation(_answer("SlowDown", 503, {"retry-after": header}))
    assert isinstance(translation, OutageError)
    assert translation.retry_after == wait


def test_the_words_of_aws_stay_in_the_cause() -> None:
    assert "words of AWS" not in str(_translation(_answer("ValidationException")))


def test_an_error_of_ours_passes_unchanged() -> None:
    ours = JobNotFoundError("no job")
    assert _translation(ours) is ours


def test_an_endpoint_nobody_listens_at_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        monkeypatch.setattr("gas.adapters.aws_client.ATTEMPTS", 1)
        outside = connect_aws(aws_settings(GAS_AWS_ENDPOINT=address), SystemClock())
        with pytest.raises(OutageError):
            outside.jobs.get("job-1")
        with pytest.raises(OutageError):
            outside.topics.publish(a_message())
        with pytest.raises(OutageError):
            outside.inbox(Queue.ANNOTATE).receive()
        with pytest.raises(OutageError):
            outside.inputs.head("key")
