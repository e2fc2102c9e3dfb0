"""What the store's door answers: S3's words for S3's conditions, so that a client need know one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from http import HTTPStatus
from typing import BinaryIO

from gas.domain.errors import ForbiddenError, ObjectNotFoundError, OutageError

XML = "application/xml"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One response; `length` bytes of the file from where it stands, or the text."""

    status: HTTPStatus
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | BinaryIO = b""
    length: int = 0


class RefusalError(Exception):
    """A request that ends here, with the code S3 has for it."""

    def __init__(
        self, status: HTTPStatus, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


def text(content: str, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    """A line of plain text."""
    body = content.encode()
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    return Answer(status=status, headers=headers, body=body, length=len(body))


def refusal(error: Exception) -> Answer | None:
    """The answer to an error, or None where it is a bug."""
    match error:
        case RefusalError():
            return _xml(error)
        case ForbiddenError():
            message = f"{error.message} {error.hint}"
            return _xml(RefusalError(HTTPStatus.FORBIDDEN, "AccessDenied", message))
        case ObjectNotFoundError():
            return _xml(RefusalError(HTTPStatus.NOT_FOUND, "NoSuchKey", "There is no such object."))
        case OutageError():
            return _xml(
                RefusalError(
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    "ServiceUnavailable",
                    "The store cannot be used at this moment. Try again later.",
                    {"Retry-After": "10"},
                )
            )
    return None


def broken() -> Answer:
    """The answer where the fault is ours."""
    return _xml(
        RefusalError(
            HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError", "The store failed. Try again."
        )
    )


def _xml(error: RefusalError) -> Answer:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message></Error>\n"
    ).encode()
    return Answer(
        status=error.status,
        headers={"Content-Type": XML, **error.headers},
        body=body,
        length=len(body),
    )
