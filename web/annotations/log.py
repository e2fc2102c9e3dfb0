"""A log of any size, read in parts that end where lines end."""

from dataclasses import dataclass

from gas.domain.job import StoredObject
from gas.ports import Files

PART = 64 * 1024
LINE = 8 * 1024
"""How far a part may run on to finish its last line, in bytes."""

_KEPT = frozenset("\n\t")


@dataclass(frozen=True, kw_only=True)
class LogPart:
    """One part, numbered from 1."""

    text: str
    number: int
    parts: int


def read_part(files: Files, stored: StoredObject, number: int) -> LogPart:
    """The lines that begin in that part of the log; parts in a row make the whole log."""
    parts = max(1, -(-stored.size // PART))
    number = min(max(1, number), parts)
    start = (number - 1) * PART
    # One byte before the part says whether a line begins exactly with it.
    lead = 1 if start else 0
    body = files.read(stored.key, start=start - lead, length=lead + PART + LINE)
    begin = 0
    if lead:
        first = body.find(b"\n", 0, LINE + 1)
        begin = lead if first < 0 else first + 1
    end = len(body)
    if start + PART < stored.size:
        last = body.find(b"\n", lead + PART - 1)
        end = lead + PART if last < 0 else last + 1
    return LogPart(text=plain(body[begin:end]), number=number, parts=parts)


def plain(body: bytes) -> str:
    """The bytes as text that cannot move a cursor: control characters are written out."""
    text = body.decode("utf-8", errors="replace").replace("\r\n", "\n")
    return "".join(
        char if char in _KEPT or char.isprintable() else f"\\x{ord(char):02x}" for char in text
    )
