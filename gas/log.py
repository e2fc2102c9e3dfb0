"""JSON lines on standard error: one static sentence an event, facts as fields, ids not objects.

What is said of a request or a job carries its id by itself, through `context`.  Never log VCF
content, tokens or signed addresses.
"""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

_FIELDS: ContextVar[dict[str, object]] = ContextVar("log_fields", default={})  # noqa: B039 - never changed in place
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


@contextmanager
def context(**fields: object) -> Iterator[None]:
    """Add these fields to everything logged inside the block, in this thread or task."""
    token = _FIELDS.set({**_FIELDS.get(), **fields})
    try:
        yield
    finally:
        _FIELDS.reset(token)


class JsonLines(logging.Formatter):
    """One JSON object a record; control characters cannot break the line."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON."""
        entry: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": self._process,
            "event": record.getMessage(),
            "logger": record.name,
        }
        entry.update(_FIELDS.get())
        entry.update({name: value for name, value in vars(record).items() if name not in _PLAIN})
        if record.exc_info:
            entry["trace"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def set_up(process: str) -> None:
    """Send every log record of this process to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for chatty in ("botocore", "boto3", "urllib3", "s3transfer"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
