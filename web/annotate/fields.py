"""What a caller may say about a new annotation, read strictly: anything else is refused."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import request

from gas.domain.errors import RefusedError
from gas.domain.names import DISPLAY_LIMIT, display_name

ASSEMBLIES = ("detect", "NCBI36", "GRCh37", "GRCh38")
NOTE_LIMIT = 500
NAME_LIMIT = 4 * DISPLAY_LIMIT
"""Longest file name listened to at all, in characters; what is kept is shorter."""


def sent_fields() -> Mapping[str, Any]:
    """The form or the JSON object that was sent."""
    if not request.is_json:
        return request.form
    body = request.get_json()
    if not isinstance(body, dict):
        raise RefusedError("bad-body", "The body must be one JSON object.", "Send an object.")
    return body


def read_text(fields: Mapping[str, Any], name: str, *, longest: int, default: str = "") -> str:
    """A text of bounded length, without NUL."""
    value = fields.get(name, default)
    if not isinstance(value, str):
        raise RefusedError("bad-field", f"`{name}` must be a text.", f"Send `{name}` as a text.")
    if len(value) > longest:
        raise RefusedError(
            "too-long",
            f"`{name}` has {len(value)} characters; {longest} are allowed.",
            f"Shorten `{name}`.",
        )
    return value.replace("\x00", "")


def read_file_name(fields: Mapping[str, Any]) -> str:
    """The file's name as it will be shown; never used as a path."""
    return display_name(read_text(fields, "file_name", longest=NAME_LIMIT, default="input.vcf"))


def read_size(fields: Mapping[str, Any]) -> int | None:
    """The size in bytes that the browser says; None where it says nothing."""
    value = fields.get("size")
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise RefusedError("bad-field", "`size` must be a whole number of bytes.", "Send a number.")
    return value


def read_assembly(fields: Mapping[str, Any]) -> str:
    """The assembly asked for."""
    value = read_text(fields, "assembly", longest=20, default="detect")
    if value not in ASSEMBLIES:
        raise RefusedError(
            "bad-assembly",
            "`assembly` names none that this service knows.",
            f"Choose one of {', '.join(ASSEMBLIES)}.",
        )
    return value


def read_note(fields: Mapping[str, Any]) -> str:
    """The owner's note."""
    return read_text(fields, "note", longest=NOTE_LIMIT).strip()


def read_upload_id(fields: Mapping[str, Any]) -> str:
    """The id of a pending upload, as this service writes ids."""
    value = read_text(fields, "upload_id", longest=40)
    try:
        return str(UUID(value))
    except ValueError:
        raise RefusedError(
            "bad-field", "`upload_id` is not one of ours.", "Start the upload again."
        ) from None


def read_wish_id(fields: Mapping[str, Any]) -> str:
    """The id of one wish, made with the page that offers it; raises RefusedError."""
    try:
        return str(UUID(read_text(fields, "wish_id", longest=36)))
    except ValueError:
        raise RefusedError(
            "bad-field", "The form lacks its id.", "Load the page again and repeat what you did."
        ) from None
