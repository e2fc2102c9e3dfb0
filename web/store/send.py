"""A download: a signed link, whole or one range of it, without reading what is not asked for."""

import re
from collections.abc import Mapping
from email.utils import format_datetime
from http import HTTPStatus

from gas.adapters.embedded_forms import Forms
from gas.adapters.embedded_objects import ObjectStore
from gas.domain.names import attachment
from web.store.answers import Answer, RefusalError

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def send(
    bucket: str,
    key: str,
    *,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    store: ObjectStore,
    forms: Forms,
) -> Answer:
    """The object a link names; `headers` are Range, If-Range and If-None-Match as they came."""
    name = forms.check_link(bucket, key, query)
    stored = store.find(bucket, key)
    size, etag = stored.info.size, f'"{stored.info.etag}"'
    said = {
        "ETag": etag,
        "Last-Modified": format_datetime(stored.info.modified_at, usegmt=True),
        "Accept-Ranges": "bytes",
    }
    if headers.get("If-None-Match", "") in (etag, "*"):
        return Answer(status=HTTPStatus.NOT_MODIFIED, headers=said)
    said["Content-Type"] = stored.content_type
    said["Content-Disposition"] = attachment(name or stored.file_name)
    wanted = headers.get("Range", "")
    if headers.get("If-Range", etag) != etag:
        wanted = ""
    asked = _range(wanted, size)
    start, end = asked or (0, size)
    if asked:
        said["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    body = store.open(bucket, stored)
    body.seek(start)
    status = HTTPStatus.PARTIAL_CONTENT if asked else HTTPStatus.OK
    return Answer(status=status, headers=said, body=body, length=end - start)


def _range(wanted: str, size: int) -> tuple[int, int] | None:
    """Start and end (half-open) of the bytes asked for; None where it is not one valid range."""
    found = _RANGE.fullmatch(wanted)
    if not found or not (found[1] or found[2]):
        return None
    if not found[1]:
        start, end = max(size - int(found[2]), 0), size
    else:
        start = int(found[1])
        last = int(found[2]) if found[2] else size - 1
        if found[2] and last < start:
            return None
        end = min(last + 1, size)
    if start >= end:
        raise RefusalError(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            "InvalidRange",
            "The object has no such bytes.",
            {"Content-Range": f"bytes */{size}"},
        )
    return start, end
