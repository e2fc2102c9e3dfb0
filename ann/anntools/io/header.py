"""The header of a VCF: understood as far as needed, kept as it is, added to."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ann.anntools.errors import InputError
from ann.anntools.limits import Limits
from ann.anntools.store.manifest import Column

FIXED_COLUMNS = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
WRITTEN_VERSION = "VCFv4.2"
_ID = re.compile(r"[<,]ID=([^,>]+)")
_LENGTH = re.compile(r"[<,]length=(\d{1,18})", re.IGNORECASE)
_OLD = re.compile(
    r'^##(INFO|FORMAT|FILTER)=([^<,]+?)\s*,\s*(?:(-?\w+)\s*,\s*(\w+)\s*,\s*)?"?(.*?)"?$'
)
# The byte order mark that editors put before UTF-8.
_MARK = b"\xef\xbb\xbf"
_NUL_HINT = "The file is not text; send a VCF."


@dataclass(slots=True)
class Header:
    """What the header says: lines without their ends, the last being the #CHROM line."""

    lines: list[str]
    version: str
    columns: int
    info_ids: set[str] = field(default_factory=set)
    contigs: dict[str, int | None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def meta(self) -> list[str]:
        """The ## lines."""
        return self.lines[:-1]

    @property
    def lengths(self) -> dict[str, int]:
        """Lengths of the contigs that state one."""
        return {name: length for name, length in self.contigs.items() if length is not None}


class HeaderReader:
    """Takes text in pieces until the header is complete."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._text = b""
        self._scanned = 0
        self._lines: list[bytes] = []
        self.line = 0

    def feed(self, piece: bytes) -> tuple[list[bytes], bytes] | None:
        """Header lines and the text after them, once the #CHROM line has come."""
        self._text += piece
        while True:
            end = self._text.find(b"\n", self._scanned)
            if end < 0:
                if len(self._text) > self._limits.header_bytes:
                    raise InputError("header-too-large", self._too_large())
                return None
            line = self._text[self._scanned : end].removesuffix(b"\r")
            self._scanned = end + 1
            self.line += 1
            if not line.strip() and not self._lines:
                continue
            self._accept(line)
            if line.startswith(b"#CHROM"):
                return self._lines, self._text[self._scanned :]

    def _too_large(self) -> str:
        return f"the header is larger than {self._limits.header_bytes} bytes"

    def _accept(self, line: bytes) -> None:
        number = self.line
        if number == 1:
            line = line.removeprefix(_MARK)
        if b"\0" in line:
            raise InputError("not-a-vcf", "the file holds NUL bytes", line=number, hint=_NUL_HINT)
        if not line.startswith(b"##") and not line.startswith(b"#CHROM"):
            if not line.strip():
                return
            raise InputError(
                "no-header" if number > 1 else "not-a-vcf",
                "a line before the #CHROM line does not start with ##",
                line=number,
                hint="A VCF starts with ##fileformat=VCFv4.x and has a #CHROM line before records.",
            )
        self._lines.append(line)
        if self._scanned > self._limits.header_bytes:
            raise InputError("header-too-large", self._too_large(), line=number)
        if number > self._limits.header_lines:
            raise InputError(
                "header-too-large", f"the header has more than {number - 1} lines", line=number
            )

    def end(self) -> tuple[list[bytes], bytes]:
        """What there is at the end of the file; raises InputError without a #CHROM line."""
        rest = self._text[self._scanned :]
        if rest:
            found = self.feed(b"\n")
            if found:
                return found
        raise InputError(
            "no-header",
            "the file ends before a #CHROM line",
            line=self.line or None,
            hint="A VCF has a line starting with #CHROM before its records.",
        )


def parse_header(raw: Sequence[bytes]) -> Header:
    """Understand header lines (the last is the #CHROM line)."""
    lines = [line.decode("utf-8", "surrogateescape") for line in raw]
    notes: list[str] = []
    if lines[0].startswith("##fileformat="):
        version = lines[0].partition("=")[2].strip()
        if not version.upper().startswith("VCF"):
            raise InputError("not-a-vcf", f"the file calls itself {version[:40]!r}", line=1)
    else:
        version = WRITTEN_VERSION
        lines.insert(0, f"##fileformat={version}")
        notes.append("There was no ##fileformat line; one was added.")
    columns = lines[-1].split("\t")
    if tuple(columns[: len(FIXED_COLUMNS)]) != FIXED_COLUMNS:
        columns = _mend_columns(lines, notes)
    header = Header(lines, version, len(columns), notes=notes)
    if len(set(columns[9:])) != len(columns[9:]):
        raise InputError(
            "duplicate-sample",
            "two samples have the same name",
            line=len(raw),
            hint="Rename one of them in the #CHROM line.",
        )
    for line in header.meta:
        found = _ID.search(line)
        if line.startswith("##INFO=<") and found:
            header.info_ids.add(found[1])
        elif line.startswith("##INFO="):
            header.info_ids.add(line[7:].partition(",")[0].strip())
        elif line.startswith("##contig=<") and found:
            length = _LENGTH.search(line)
            header.contigs.setdefault(found[1], int(length[1]) if length else None)
    return header


def _mend_columns(lines: list[str], notes: list[str]) -> list[str]:
    """Accept a #CHROM line with blanks for tabs, as editors leave it; refuse any other."""
    columns = lines[-1].split()
    if tuple(columns[: len(FIXED_COLUMNS)]) != FIXED_COLUMNS:
        raise InputError(
            "bad-column-line",
            "the #CHROM line does not name the eight columns of a VCF",
            line=len(lines),
            hint="Expected, separated by tabs: " + " ".join(FIXED_COLUMNS),
        )
    lines[-1] = "\t".join(columns)
    notes.append("The #CHROM line had blanks for tabs; it was mended.")
    return columns


def _modern(line: str) -> str | None:
    """A VCF 3.3 metadata line in the form of 4.x, or None if it is one already."""
    old = _OLD.match(line)
    if old is None:
        return None
    kind, name, number, of_type, text = old.groups()
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    if kind == "FILTER":
        return f'##FILTER=<ID={name},Description="{text}">'
    number = "." if number in {None, "-1"} else number
    return f'##{kind}=<ID={name},Number={number},Type={of_type or "String"},Description="{text}">'


def modernise(header: Header) -> list[str]:
    """The ## lines in the form of 4.x; what was rewritten is kept in ##GAS_original lines."""
    if not header.version.startswith("VCFv3"):
        return header.meta
    out = [f"##fileformat={WRITTEN_VERSION}"]
    kept = [header.meta[0]]
    for line in header.meta[1:]:
        new = _modern(line)
        if new is None:
            out.append(line)
        else:
            out.append(new)
            kept.append(line)
    return out + [f"##GAS_original={line}" for line in kept]


def key_names(header: Header, columns: Sequence[Column]) -> dict[str, str]:
    """Our keys as written: prefixed where the input has keys of those names."""
    names: dict[str, str] = {}
    for column in columns:
        name = column.key
        while name in header.info_ids:
            name = f"GAS_{name}"
        names[column.key] = name
    return names


def contig_line(name: str, length: int | None, assembly: str) -> str:
    """The ##contig line of a contig that the input does not declare."""
    told = f",length={length}" if length else ""
    return f"##contig=<ID={name}{told},assembly={assembly}>"


def info_line(name: str, column: Column, source: str, version: str) -> str:
    """The ##INFO line of a key."""

    def quoted(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")

    return (
        f"##INFO=<ID={name},Number={column.number},Type={column.type},"
        f'Description="{quoted(column.description)}",'
        f'Source="{quoted(source)}",Version="{quoted(version)}">'
    )
