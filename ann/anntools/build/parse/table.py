"""Rows of BED, UCSC tables, tab-separated tables, GFF3 and GTF, with the values of each column.

BED and UCSC tables count from 0 with the end outside; UCSC tables begin with a `bin` column except
where the catalogue says not.  GFF3 and GTF count from 1 with the end inside.  Of a table of one's
own the catalogue tells which.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote

from ann.anntools.build.catalogue import ColumnSpec, From, SourceSpec
from ann.anntools.build.parse.lines import SourceError, lines, whole_number
from ann.anntools.build.parse.place import Places
from ann.anntools.store.manifest import Column

_BLANKS: Final = re.compile(r"\s+")
_GTF_ATTRIBUTE: Final = re.compile(r'\s*([^\s";]+)\s+(?:"([^"]*)"|([^\s";]+))\s*(?:;|$)')
_MISSING: Final = frozenset({"", "."})
_GFF_FIELDS: Final = 9
_BED_FIELDS: Final = 3
_BED_NAME: Final = 4


class IntervalRow(NamedTuple):
    """A row on a canonical contig, 0-based half-open, with a value, or None, of each column."""

    contig: str
    start: int
    end: int
    values: tuple[str | None, ...]


class AlleleRow(NamedTuple):
    """A row with alleles; `pos` is 1-based."""

    contig: str
    pos: int
    ref: str
    alt: str
    values: tuple[str | None, ...]


class _Row(NamedTuple):
    """Fields of a line, how to find one by name, and GFF attributes."""

    line: int
    fields: Sequence[str]
    attributes: dict[str, str]


class _Table:
    """What the formats share: finding fields, places, values."""

    def __init__(self, path: Path, spec: SourceSpec) -> None:
        self.path = path
        self.file = path.name
        self.spec = spec
        self.places = Places(path.name, spec.assembly)
        self.header: dict[str, int] = {}

    def index(self, part: From) -> int:
        """The 0-based index of a field."""
        if isinstance(part, int):
            return part - 1
        if part not in self.header:
            told = ", ".join(self.header) if self.header else "the table has no header"
            raise SourceError(self.file, f"there is no such column ({told})", line=1, column=part)
        return self.header[part]

    def field(self, row: _Row, part: From) -> str:
        """The text of a field; SourceError where the line is too short."""
        index = self.index(part)
        if index >= len(row.fields):
            raise SourceError(
                self.file,
                f"the line has {len(row.fields)} columns",
                line=row.line,
                column=part,
            )
        return row.fields[index]

    def number(self, row: _Row, part: From, low: int) -> int:
        """The number in a field."""
        return whole_number(self.field(row, part), self.file, row.line, part, low=low)

    def values(self, row: _Row, contig: str) -> tuple[str | None, ...]:
        """The value of each column."""
        return tuple(self._value(column, row, contig) for column in self.spec.columns)

    def _value(self, column: ColumnSpec, row: _Row, contig: str) -> str | None:
        texts = []
        for part in column.parts:
            if part == "contig":
                text = contig
            elif isinstance(part, str) and part.startswith("attribute/"):
                text = row.attributes.get(part.removeprefix("attribute/"), "")
            else:
                text = self.field(row, part).strip()
            texts.append(_BLANKS.sub("_", text))
        if all(text in _MISSING for text in texts):
            return None
        if column.column.integer:
            texts = [self._whole(text, column, row) for text in texts]
        return column.join.join(texts)

    def _whole(self, text: str, column: ColumnSpec, row: _Row) -> str:
        digits = text.removeprefix(column.column.prefix)
        name = column.parts[0]
        return str(whole_number(digits, self.file, row.line, name))

    def interval(self, row: _Row, contig_text: str, start: int, end: int) -> IntervalRow | None:
        """The row at its place, None where nothing is annotated."""
        contig = self.places.name(contig_text, row.line)
        if contig is None:
            return None
        # UCSC writes an insertion as an interval without bases: it is found at the base after.
        end = max(end, start + 1)
        self.places.check(contig, end, row.line)
        return IntervalRow(contig, start, end, self.values(row, contig))


def bed_columns(spec: SourceSpec) -> tuple[ColumnSpec, ...]:
    """The columns of a BED source: those given, else its name column under the source's name."""
    if spec.columns:
        return spec.columns
    column = Column(spec.name, ".", "String", f"{spec.title}: names of what overlaps")
    return (ColumnSpec(column, (_BED_NAME,)),)


def bed(path: Path, spec: SourceSpec) -> Iterator[IntervalRow]:
    """Rows of a BED file; where there is no name column the value is the place."""
    table = _Table(path, spec)
    for line, text in lines(path):
        if not text.strip() or text.startswith(("#", "track", "browser")):
            continue
        fields = text.split("\t") if "\t" in text else text.split()
        if len(fields) < _BED_FIELDS:
            raise SourceError(table.file, f"{len(fields)} columns, BED has at least 3", line=line)
        start = whole_number(fields[1], table.file, line, 2)
        end = whole_number(fields[2], table.file, line, 3, low=start)
        if not spec.columns and len(fields) < _BED_NAME:
            fields.append(f"{fields[0]}:{start + 1}-{end}")
        named = _Row(line, fields, {})
        contig = table.places.name(fields[0], line)
        if contig is None:
            continue
        end = max(end, start + 1)
        table.places.check(contig, end, line)
        values = tuple(
            table._value(column, named, contig)  # noqa: SLF001  # a routine of the same file
            for column in bed_columns(spec)
        )
        yield IntervalRow(contig, start, end, values)
    table.places.finish()


def ucsc(path: Path, spec: SourceSpec) -> Iterator[IntervalRow]:
    """Rows of a UCSC database table."""
    table = _Table(path, spec)
    first = 2 if spec.layout.bin else 1
    for line, text in lines(path):
        row = _Row(line, text.split("\t"), {})
        start = table.number(row, first + 1, 0)
        end = table.number(row, first + 2, start)
        found = table.interval(row, table.field(row, first), start, end)
        if found is not None:
            yield found
    table.places.finish()


def gff(path: Path, spec: SourceSpec) -> Iterator[IntervalRow]:
    """Rows of a GFF3 or GTF file, of one feature type where the catalogue names it."""
    table = _Table(path, spec)
    read = gff3_attributes if spec.format == "gff3" else gtf_attributes
    for line, fields in gff_lines(path):
        if spec.layout.feature not in {None, fields[2]}:
            continue
        row = _Row(line, fields, read(fields[8]))
        start = table.number(row, 4, 1) - 1
        end = table.number(row, 5, start + 1)
        found = table.interval(row, unquote(fields[0]), start, end)
        if found is not None:
            yield found
    table.places.finish()


def gff_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The nine fields of each feature with the line's number."""
    for line, text in lines(path):
        if text.startswith("##FASTA"):
            return
        if not text or text.startswith("#"):
            continue
        yield line, gff_fields(path.name, line, text)


def gff_fields(file: str, line: int, text: str) -> list[str]:
    """The nine fields of a feature's line."""
    fields = text.split("\t")
    if len(fields) != _GFF_FIELDS:
        raise SourceError(file, f"{len(fields)} columns instead of 9", line=line)
    return fields


def gff3_attributes(text: str) -> dict[str, str]:
    """`key=value;key=value`, percent-decoded."""
    found = {}
    for part in text.split(";"):
        key, _, value = part.partition("=")
        found[key.strip()] = unquote(value) if "%" in value else value
    return found


def gtf_attributes(text: str) -> dict[str, str]:
    """`key "value"; key number;`; values of a key that comes again are joined with commas."""
    found: dict[str, str] = {}
    for match in _GTF_ATTRIBUTE.finditer(text):
        key, value = match[1], match[2] if match[2] is not None else match[3]
        found[key] = f"{found[key]},{value}" if key in found else value
    return found


def _rows(table: _Table) -> Iterator[_Row]:
    """Lines of a tab-separated table below its header."""
    waiting = table.spec.layout.header
    for line, text in lines(table.path):
        if waiting:
            if text.startswith("##") or not text:
                continue
            names = text.removeprefix("#").split("\t")
            table.header = {name.strip(): index for index, name in enumerate(names)}
            waiting = False
            continue
        if text and not text.startswith("#"):
            yield _Row(line, text.split("\t"), {})


def _placed(
    table: _Table, make: Callable[[_Row, int], IntervalRow | AlleleRow | None]
) -> Iterator[IntervalRow | AlleleRow]:
    layout = table.spec.layout
    for row in _rows(table):
        text = table.field(row, layout.start).strip()
        if layout.skip_without_place and not (text.isascii() and text.isdigit()):
            continue
        low = 1 if layout.one_based else 0
        start = whole_number(text, table.file, row.line, layout.start, low=low) - low
        found = make(row, start)
        if found is not None:
            yield found
    table.places.finish()


def tsv_intervals(path: Path, spec: SourceSpec) -> Iterator[IntervalRow]:
    """Rows of a table of intervals or, where there is no end column, of single bases."""
    table = _Table(path, spec)
    layout = spec.layout

    def make(row: _Row, start: int) -> IntervalRow | None:
        end = start + 1
        if layout.end is not None:
            end = table.number(row, layout.end, start + int(layout.one_based))
        return table.interval(row, table.field(row, layout.contig), start, end)

    for row in _placed(table, make):
        if isinstance(row, IntervalRow):
            yield row


def tsv_alleles(path: Path, spec: SourceSpec) -> Iterator[AlleleRow]:
    """Rows of a table with REF and ALT columns, spelled as in VCF."""
    table = _Table(path, spec)
    layout = spec.layout

    def make(row: _Row, start: int) -> AlleleRow | None:
        contig = table.places.name(table.field(row, layout.contig), row.line)
        if contig is None:
            return None
        alleles = []
        for part in (layout.ref or 0, layout.alt or 0):
            bases = table.field(row, part).upper()
            if not bases or set(bases) - set("ACGTN"):
                raise SourceError(
                    table.file, f"{bases[:40]!r} is no sequence", line=row.line, column=part
                )
            alleles.append(bases)
        table.places.check(contig, start + len(alleles[0]), row.line)
        return AlleleRow(contig, start + 1, alleles[0], alleles[1], table.values(row, contig))

    for row in _placed(table, make):
        if isinstance(row, AlleleRow):
            yield row
