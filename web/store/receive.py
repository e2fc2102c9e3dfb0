"""An upload: a signed form, checked before the first byte of its file is taken."""

import logging
from collections.abc import Iterator
from http import HTTPStatus
from typing import Protocol, TypeAlias
from urllib.parse import urlencode, urlsplit, urlunsplit

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from gas.adapters.embedded_forms import Forms, Permit
from gas.adapters.embedded_objects import ObjectStore
from gas.ports import ObjectInfo
from web.store.answers import Answer, RefusalError

log = logging.getLogger(__name__)

CHUNK = 256 * 1024
FIRST_CHUNK = 1024
"""A read waits until it is full: small ones let a bad form be refused before its file has come."""

FILE = "file"
FIELDS_LIMIT = 64 * 1024
"""Most bytes of all fields before the file together."""

FORM_LIMIT = 256 * 1024
"""More than any form can add to the length of its file."""

SEGMENTS_LIMIT = 32
HEADERS_LIMIT = 8

Event: TypeAlias = MultipartSegment | bytes | bytearray | None
"""A part begins, some of its bytes, or its end."""


class Stream(Protocol):
    """The body of a request."""

    def read(self, size: int, /) -> bytes:
        """Up to that many bytes; none at the end."""
        ...


def receive(
    bucket: str,
    *,
    stream: Stream,
    content_type: str,
    content_length: str,
    store: ObjectStore,
    forms: Forms,
) -> Answer:
    """Take one multipart POST and make its file an object, or refuse it and keep nothing."""
    length = _length(content_length)
    try:
        events = _events(_parser(content_type, length), stream, length)
        permit = forms.check_form(bucket, _fields(events))
        if length - FORM_LIMIT > permit.max_bytes:
            raise _too_large(permit)
        info = _store(events, bucket, permit, store)
    except MultipartError as error:
        raise _malformed("The form is not well-formed multipart/form-data.") from error
    log.info("an object was uploaded", extra={"bucket": bucket, "size": info.size})
    return _accepted(bucket, permit, info)


def _length(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise RefusalError(
            HTTPStatus.LENGTH_REQUIRED,
            "MissingContentLength",
            "The request must say its length.",
        )
    return int(text)


def _parser(content_type: str, length: int) -> PushMultipartParser:
    kind, options = parse_options_header(content_type)
    if kind != "multipart/form-data" or not options.get("boundary"):
        raise _malformed("The request must be multipart/form-data.")
    return PushMultipartParser(
        options["boundary"],
        content_length=length,
        max_header_count=HEADERS_LIMIT,
        max_segment_count=SEGMENTS_LIMIT,
    )


def _events(parser: PushMultipartParser, stream: Stream, length: int) -> Iterator[Event]:
    step = FIRST_CHUNK
    while length > 0:
        try:
            chunk = stream.read(min(step, length))
        except OSError as error:
            raise RefusalError(
                HTTPStatus.BAD_REQUEST,
                "RequestTimeout",
                "The upload stood still or took too long. Try again.",
            ) from error
        if not chunk:
            raise RefusalError(
                HTTPStatus.BAD_REQUEST, "IncompleteBody", "The upload ended too early. Try again."
            )
        length -= len(chunk)
        for event in parser.parse(chunk):
            if isinstance(event, MultipartSegment) and event.name == FILE:
                step = CHUNK
            yield event
    # A form that lacks its end is an error here, before anything is published.
    parser.close()


def _fields(events: Iterator[Event]) -> dict[str, str]:
    """The fields before the file, whose part has begun when this returns."""
    fields: dict[str, str] = {}
    name, value, total = "", bytearray(), 0
    for event in events:
        if isinstance(event, MultipartSegment):
            name, value = event.name, bytearray()
            if name == FILE:
                return fields
            if name in fields:
                raise _malformed("A field stands in the form twice.")
        elif event is None:
            try:
                fields[name] = value.decode()
            except UnicodeDecodeError as error:
                raise _malformed("A field of the form is not UTF-8.") from error
        else:
            value += event
            total += len(event)
            if total > FIELDS_LIMIT:
                raise _malformed("The fields before the file are too long.")
    raise _malformed("The form has no field named file.")


def _store(events: Iterator[Event], bucket: str, permit: Permit, store: ObjectStore) -> ObjectInfo:
    with store.writing() as new:
        for event in events:
            if event is None:
                break
            if isinstance(event, (bytes, bytearray)):
                if new.size + len(event) > permit.max_bytes:
                    raise _too_large(permit)
                new.write(event)
        # What follows the file means nothing, but the form must be whole.
        for _ in events:
            pass
        if new.size == 0:
            raise RefusalError(HTTPStatus.BAD_REQUEST, "EntityTooSmall", "The file is empty.")
        return store.publish(
            new,
            bucket,
            permit.key,
            content_type=permit.content_type,
            file_name=permit.key.rpartition("~")[2],
        )


def _accepted(bucket: str, permit: Permit, info: ObjectInfo) -> Answer:
    etag = f'"{info.etag}"'
    if permit.redirect_to is None:
        return Answer(status=HTTPStatus.NO_CONTENT, headers={"ETag": etag})
    back = urlsplit(permit.redirect_to)
    told = urlencode({"bucket": bucket, "key": info.key, "etag": etag})
    query = f"{back.query}&{told}" if back.query else told
    headers = {"ETag": etag, "Location": urlunsplit(back._replace(query=query))}
    return Answer(status=HTTPStatus.SEE_OTHER, headers=headers)


def _malformed(message: str) -> RefusalError:
    return RefusalError(HTTPStatus.BAD_REQUEST, "MalformedPOSTRequest", message)


def _too_large(permit: Permit) -> RefusalError:
    return RefusalError(
        HTTPStatus.BAD_REQUEST,
        "EntityTooLarge",
        f"The file is larger than the {permit.max_bytes} bytes this form allows.",
    )
