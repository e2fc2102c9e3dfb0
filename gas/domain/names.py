"""File names: what a user typed, what a page shows, what a key or a header may carry.

The user's name is for people only: it never reaches a shell, a local path, or a header raw.
"""

import re
import unicodedata
from urllib.parse import quote

DISPLAY_LIMIT = 255
"""Longest file name kept, in characters."""

KEY_LIMIT = 100
"""Longest part of an object key that comes from a file name, in characters."""

_BIDI_CONTROLS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNSAFE_IN_KEY = re.compile(r"[^A-Za-z0-9._-]+")
_VCF_ENDINGS = (".vcf.gz", ".vcf.bgz", ".vcf", ".bcf", ".gz")


def display_name(raw: str) -> str:
    """The name as shown: no folders, control or direction characters, at most 255 characters."""
    base = re.split(r"[/\\]", raw)[-1]
    kept = "".join(
        char
        for char in unicodedata.normalize("NFC", base)
        if char not in _BIDI_CONTROLS and unicodedata.category(char) not in {"Cc", "Cs", "Zl", "Zp"}
    ).strip()
    if len(kept) > DISPLAY_LIMIT:
        stem, dot, ending = kept.rpartition(".")
        kept = (
            stem[: DISPLAY_LIMIT - len(ending) - 1] + dot + ending
            if dot and len(ending) < DISPLAY_LIMIT // 2
            else kept[:DISPLAY_LIMIT]
        )
    return kept or "input.vcf"


def key_name(display: str) -> str:
    """The name as it may stand in an object key: ASCII letters, digits, dot, dash, underscore."""
    plain = _UNSAFE_IN_KEY.sub("_", display).lstrip(".-_") or "input.vcf"
    return plain[-KEY_LIMIT:].lstrip(".-_") or "input.vcf"


def stem(display: str) -> str:
    """The name without its VCF ending: `sample.vcf.gz` -> `sample`."""
    for ending in _VCF_ENDINGS:
        if display.lower().endswith(ending) and len(display) > len(ending):
            return display[: -len(ending)]
    return display


def input_key(prefix: str, user_id: str, job_id: str, file_name: str) -> str:
    """Key of an input object: `<prefix>/<user_id>/<job_id>~<name>`."""
    return f"{prefix}/{user_id}/{job_id}~{key_name(file_name)}"


def result_key(prefix: str, user_id: str, job_id: str, attempt: int, file_name: str) -> str:
    """Key of an object a run writes: `<prefix>/<user_id>/<job_id>~<attempt>~<name>`.

    It carries the attempt, so that two runs of one job can never overwrite each other.
    """
    return f"{prefix}/{user_id}/{job_id}~{attempt}~{key_name(file_name)}"


def job_id_of(key: str) -> str:
    """The job an input's or a result's key belongs to."""
    return key.rpartition("/")[2].partition("~")[0]


def user_id_of(key: str) -> str:
    """The owner of the job an input's or a result's key belongs to."""
    return key.rpartition("/")[0].rpartition("/")[2]


def attachment(file_name: str) -> str:
    """A Content-Disposition header value (RFC 6266, RFC 8187) that downloads under this name."""
    shown = display_name(file_name)
    plain = "".join(
        char if char.isascii() and char.isprintable() and char not in '"\\%' else "_"
        for char in shown
    )
    if plain == shown:
        return f'attachment; filename="{plain}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(shown, safe='')}"
