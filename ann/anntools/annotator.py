"""Annotating a batch of lines."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ann.anntools.sources.lookup import AlleleLookup, IntervalLookup
from ann.anntools.sources.resolved import ID_KEY, Resolved
from ann.anntools.store.keys import normalise

MAX_POS = (1 << 31) - 2
TABLE_COLUMNS = (b"CHROM", b"POS", b"ID", b"REF", b"ALT", b"QUAL", b"FILTER")
_SHOWN = 200
_BASES = re.compile(rb"[ACGTNacgtn]+\Z")
_END = re.compile(rb"(?:^|;)END=(\d{1,10})(?:;|\Z)")
_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f]")
_FIXED = 8

I64 = npt.NDArray[np.int64]


@dataclass(slots=True)
class Batch:
    """What became of a batch: text of whole records, where each lies, and what was noticed."""

    text: bytes
    table: bytes
    begins: I64
    ends: I64
    stops: I64
    runs: list[tuple[bytes, int]]
    records_in: int
    rejects: list[tuple[int, str, bytes]]
    unannotated: int
    annotated: Counter[str]
    consequences: Counter[str]


@dataclass(slots=True)
class _Out:
    text: list[bytes] = field(default_factory=list)
    table: list[bytes] = field(default_factory=list)
    begins: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    runs: list[tuple[bytes, int]] = field(default_factory=list)


class Annotator:
    """Adds the values of the sources to records; safe to use from several threads."""

    def __init__(
        self,
        sources: Sequence[Resolved],
        columns: int,
        contig_of: Callable[[bytes], str | None],
    ) -> None:
        self._columns = columns
        self._keys = [
            (name.encode(), column)
            for kind in ("allele", "interval")
            for resolved in sources
            if resolved.source.kind == kind
            for name, column in zip(resolved.names, resolved.columns, strict=True)
            if column.key != ID_KEY
        ]
        self._contig_of = contig_of
        self._alleles = [
            (resolved, AlleleLookup(resolved.path, resolved.columns))
            for resolved in sources
            if resolved.source.kind == "allele"
        ]
        self._intervals = [
            (resolved, IntervalLookup(resolved.path))
            for resolved in sources
            if resolved.source.kind == "interval"
        ]

    def annotate(self, first_line: int, text: bytes) -> Batch:
        """Annotate the lines of a batch."""
        out = _Out()
        none = np.empty(0, np.int64)
        batch = Batch(b"", b"", none, none, none, [], 0, [], 0, Counter(), Counter())
        stops, place = [], 0
        for number, raw in enumerate(text.split(b"\n")[:-1], first_line):
            line = raw.removesuffix(b"\r")
            if not line.strip():
                continue
            batch.records_in += 1
            fields = line.split(b"\t", _FIXED)
            reason = self._fault(line, fields)
            if reason:
                batch.rejects.append((number, reason, line[:_SHOWN]))
                continue
            record = self._record(fields, batch, out)
            out.text.append(record)
            place += len(record)
            stops.append(place)
        batch.text = b"".join(out.text)
        batch.table = b"".join(out.table)
        batch.begins, batch.ends, batch.stops = (
            np.array(values, np.int64) for values in (out.begins, out.ends, stops)
        )
        batch.runs = out.runs
        return batch

    def _fault(self, line: bytes, fields: list[bytes]) -> str | None:
        if _CONTROL.search(line):
            return "control characters in the line"
        count = line.count(b"\t") + 1
        if count != self._columns:
            return f"{count} columns where the header has {self._columns}"
        if not fields[0] or b" " in fields[0]:
            return "no contig name, or one with blanks"
        if not fields[1].isdigit() or int(fields[1]) > MAX_POS:
            return f"POS is not a whole number from 0 to {MAX_POS}"
        if not fields[3] or not fields[4]:
            return "REF or ALT is empty"
        return None

    def _record(self, fields: list[bytes], batch: Batch, out: _Out) -> bytes:
        name, pos = fields[0], int(fields[1])
        ref, alts = fields[3], fields[4].split(b",")
        end = pos - 1 + len(ref)
        told = _END.search(fields[7])
        if told and int(told[1]) > pos:
            end = max(end, int(told[1]))
        if out.runs and out.runs[-1][0] == name:
            out.runs[-1] = (name, out.runs[-1][1] + 1)
        else:
            out.runs.append((name, 1))
        out.begins.append(max(0, pos - 1))
        out.ends.append(max(end, pos))
        contig = self._contig_of(name)
        values: dict[bytes, bytes] = {}
        if contig is None:
            batch.unannotated += 1
        else:
            forms = [
                normalise(pos, ref, alt, None) if _BASES.match(ref) and _BASES.match(alt) else None
                for alt in alts
            ]
            ids, info = self._by_allele(contig, forms, batch)
            info += self._by_overlap(contig, max(0, pos - 1), max(end, pos), batch)
            known = [] if fields[2] in {b".", b""} else fields[2].split(b";")
            fields[2] = b";".join(dict.fromkeys([*known, *ids])) or b"."
            if info:
                kept = [] if fields[7] in {b".", b""} else [fields[7]]
                added = [name + b"=" + value if value else name for name, value in info]
                fields[7] = b";".join([*kept, *added])
            values = dict(info)
        for index, alt in enumerate(alts):
            out.table.append(self._row(fields, index, alt, values))
        return b"\t".join(fields) + b"\n"

    def _row(
        self, fields: list[bytes], index: int, alt: bytes, values: dict[bytes, bytes]
    ) -> bytes:
        cells = [*fields[:4], alt, *fields[5:7]]
        for name, column in self._keys:
            value = values.get(name)
            if value is not None and column.number == "A":
                value = value.split(b",")[index]
            cells.append(b"." if value is None else value or b"1")
        return b"\t".join(cells) + b"\n"

    def table_header(self) -> bytes:
        """The first line of the table."""
        names = [*TABLE_COLUMNS, *(name for name, _ in self._keys)]
        return b"\t".join(names) + b"\n"

    def _by_allele(
        self, contig: str, forms: list[tuple[int, bytes, bytes] | None], batch: Batch
    ) -> tuple[list[bytes], list[tuple[bytes, bytes]]]:
        ids: list[bytes] = []
        info: list[tuple[bytes, bytes]] = []
        for resolved, alleles in self._alleles:
            rows = [-1 if form is None else alleles.find(contig, *form) for form in forms]
            if max(rows) < 0:
                continue
            batch.annotated[resolved.source.info.name] += 1
            for index, (name, column) in enumerate(
                zip(resolved.names, resolved.columns, strict=True)
            ):
                values = [None if r < 0 else alleles.value(contig, r, index) for r in rows]
                present = [value for value in values if value is not None]
                if column.key == ID_KEY:
                    ids += present
                elif present:
                    info.append((name.encode(), _joined(column.number, values, present)))
        return ids, info

    def _by_overlap(
        self, contig: str, start: int, end: int, batch: Batch
    ) -> list[tuple[bytes, bytes]]:
        info: list[tuple[bytes, bytes]] = []
        for resolved, intervals in self._intervals:
            found = intervals.find(contig, start, end)
            if not found:
                continue
            batch.annotated[resolved.source.info.name] += 1
            for index, name in enumerate(resolved.names):
                texts = [intervals.value(number, index) for number in found]
                info.append((name.encode(), b",".join(texts)))
        return info


def _joined(number: str, values: list[bytes | None], present: list[bytes]) -> bytes:
    if number == "0":
        return b""
    if number == "A":
        return b",".join(value or b"." for value in values)
    return b",".join(dict.fromkeys(present))
