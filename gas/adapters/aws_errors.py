"""The one translator of AWS failures into this service's own error families.

Throttling, 5xx answers, lost connections and credentials in rotation are an OutageError.  What an
adapter expects (a failed condition, a missing object) it names itself, as `conditions`.  What
only an operator can mend (access, a missing table) is a ConfigurationError.  Anything else is a
bug of ours, a bare GasError, which belongs to no family and so stops the process loudly.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from boto3.exceptions import Boto3Error, RetriesExceededError
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    MetadataRetrievalError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ResponseStreamingError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError

from gas.domain.errors import ConfigurationError, GasError, OutageError

SERVER_FAILURE = 500
TOO_MANY_REQUESTS = 429

PASSING = frozenset(
    {
        "AbortedException",
        "BandwidthLimitExceeded",
        "ContinuousBackupsUnavailableException",
        "ExpiredToken",
        "ExpiredTokenException",
        "InternalError",
        "InternalErrorException",
        "InternalServerError",
        "KmsThrottled",
        "LimitExceededException",
        "OperationAborted",
        "OverLimit",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "SendingPausedException",
        "ServiceUnavailable",
        "SlowDown",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingError",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflict",
        "TransactionConflictException",
        "TransactionInProgressException",
    },
)
"""Error codes that pass by themselves.  A transaction spells its reasons without `Exception`."""

OPERATORS = frozenset(
    {
        "403",
        "AWS.SimpleQueueService.NonExistentQueue",
        "AccessDenied",
        "AccessDeniedException",
        "AccountSuspendedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MailFromDomainNotVerifiedException",
        "MissingAuthenticationToken",
        "NoSuchBucket",
        "NotFound",
        "NotFoundException",
        "QueueDoesNotExist",
        "RequestTimeTooSkewed",
        "ResourceNotFoundException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    },
)
"""Error codes that only an operator can mend."""

UNREACHED = (
    BotoConnectionError,
    HTTPClientError,
    IncompleteReadError,
    ResponseStreamingError,
    CredentialRetrievalError,
    MetadataRetrievalError,
    FlexibleChecksumError,
)
UNSET = (NoCredentialsError, PartialCredentialsError, NoRegionError)


@contextmanager
def translated(conditions: Mapping[str, GasError] | None = None) -> Iterator[None]:
    """Turn whatever the SDK raises inside the block into an error of ours.

    `conditions` maps the error codes that mean something here to what is raised for them.
    """
    try:
        yield
    except ClientError as error:
        raise _from_answer(error, conditions or {}) from error
    except UNREACHED as error:
        raise OutageError(f"AWS cannot be reached: {type(error).__name__}") from error
    except RetriesExceededError as error:
        raise OutageError("AWS broke off a transfer again and again") from error
    except UNSET as error:
        raise ConfigurationError(f"AWS cannot be used: {type(error).__name__}") from error
    except (BotoCoreError, Boto3Error) as error:
        raise GasError(f"the AWS SDK refused a call: {type(error).__name__}") from error


def code_of(error: ClientError) -> str:
    """The error's code; of a cancelled transaction, the first reason that is one."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code == "TransactionCanceledException":
        answer: Mapping[str, Any] = error.response
        reasons = [reason.get("Code", "None") for reason in answer.get("CancellationReasons", [])]
        return next((str(reason) for reason in reasons if reason != "None"), code)
    return code


def _from_answer(error: ClientError, conditions: Mapping[str, GasError]) -> GasError:
    code = code_of(error)
    if code in conditions:
        return conditions[code]
    answer = error.response.get("ResponseMetadata", {})
    status = answer.get("HTTPStatusCode", 0)
    said = f"{error.operation_name}: {code}"
    if code in PASSING or status >= SERVER_FAILURE or status == TOO_MANY_REQUESTS:
        retry_after = _seconds(answer.get("HTTPHeaders", {}).get("retry-after", ""))
        return OutageError(f"AWS is overloaded or down, {said}", retry_after=retry_after)
    if code in OPERATORS:
        return ConfigurationError(f"AWS does not let this process in, {said}")
    return GasError(f"AWS refused a request, {said}")


def _seconds(header: str) -> timedelta | None:
    return timedelta(seconds=int(header)) if header.isascii() and header.isdigit() else None
