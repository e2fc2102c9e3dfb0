"""VCF files of known variants: the header, and blocks of records made into rows of the store.

A block is made into rows by whichever process it is sent to.  Lines of the ordinary kind
(substitutions, one contig, plain identifiers) are taken by whole columns; the others one by one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from ann.anntools.assembly.detect import detect
from ann.anntools.build.catalogue import SourceSpec
from ann.anntools.build.parse.lines import SourceError, line_blocks
from ann.anntools.errors import InputError
from ann.anntools.store.manifest import Column

BLOCK: Final = 4 << 20
_COLUMNS: Final = b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
_MAX_HEADER: Final = 1 << 26
_INFO: Final = re.compile(r"##INFO=<ID=([^,>]+),Number=([^,>]+)")
_CONTIG: Final = re.compile(r"##contig=<(?:.*,)?ID=([^,>]+)(?:.*,length=(\d+))?")
_DATE: Final = re.compile(r"##fileDate=(\S+)", re.IGNORECASE)
_DBSNP: Final = re.compile(r"##dbSNP_BUILD_ID=(\S+)")

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A column as the block reader needs it.

    `source` is ID or an INFO key; `each` tells how values go with alleles: "A" one for each ALT,
    "R" one for REF before them, "" the same text for all; numbers are rounded to `digits`
    significant ones unless it is 0.
    """

    column: Column
    source: str
    each: str
    studies: tuple[str, ...]
    digits: int


@dataclass(frozen=True, slots=True)
class VcfPlan:
    """All that a process needs to make rows of a block; `bases` is a file of sequences."""

    file: str
    assembly: str
    wanted: tuple[Wanted, ...]
    sequences: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class VcfHeader:
    """What the header tells; `release` is the build or the date that it names, or nothing."""

    lines: int
    release: str
    numbers: dict[str, str]


def read_header(path: Path, spec: SourceSpec) -> VcfHeader:
    """The header of a VCF; SourceError if it is none or speaks of another assembly."""
    meta: list[str] = []
    held = 0
    for first, block in line_blocks(path):
        for offset, line in enumerate(block.split(b"\n")):
            if line.startswith(b"##"):
                held += len(line)
                meta.append(line.decode("utf-8", "replace").rstrip("\r"))
                if held > _MAX_HEADER:
                    raise SourceError(path.name, "the header is too large", line=first + offset)
                continue
            if not line.startswith(_COLUMNS):
                raise SourceError(
                    path.name,
                    "not a VCF: a line of column names beginning with #CHROM is missing",
                    line=first + offset,
                )
            return _told(path.name, spec, meta, first + offset)
    raise SourceError(path.name, "not a VCF: empty or without column names")


def _told(file: str, spec: SourceSpec, meta: list[str], lines: int) -> VcfHeader:
    numbers: dict[str, str] = {}
    lengths: dict[str, int] = {}
    release = ""
    for line in meta:
        if match := _INFO.match(line):
            numbers[match[1]] = match[2]
        elif match := _CONTIG.match(line):
            if match[2]:
                lengths[match[1]] = int(match[2])
        elif match := _DBSNP.match(line):
            release = f"build {match[1]}"
        elif (match := _DATE.match(line)) and not release:
            release = match[1]
    try:
        found = detect(meta, lengths, lengths)
    except InputError:
        found = None
    if found is not None and found.assembly not in {spec.assembly, "rCRS"}:
        raise SourceError(
            file,
            f"is on {found.assembly} ({found.evidence}), the source is built for {spec.assembly}",
        )
    return VcfHeader(lines, release, numbers)


def make_plan(
    path: Path, spec: SourceSpec, header: VcfHeader, sequences: tuple[Path, ...]
) -> VcfPlan:
    """How the columns of the catalogue are found in this file."""
    wanted = []
    for column in spec.columns:
        (part,) = column.parts if len(column.parts) == 1 else (None,)
        if part == "ID":
            wanted.append(Wanted(column.column, "ID", "", (), 0))
            continue
        key = part.removeprefix("INFO/") if isinstance(part, str) else ""
        if not key or key == part:
            raise SourceError(
                path.name, f"a column of a VCF comes from ID or INFO/KEY, not {column.parts}"
            )
        if header.numbers and key not in header.numbers:
            raise SourceError(
                path.name,
                f"has no INFO key {key}; it has {', '.join(sorted(header.numbers))}",
                line=header.lines,
                column=key,
            )
        number = header.numbers.get(key, "")
        each = number if number in {"A", "R"} else ""
        wanted.append(Wanted(column.column, key, each, column.studies, column.digits))
    return VcfPlan(path.name, spec.assembly, tuple(wanted), sequences)


def record_blocks(path: Path, header: VcfHeader) -> Iterator[tuple[int, bytes]]:
    """Runs of whole records with the number of their first line."""
    for first, block in line_blocks(path, BLOCK):
        number, text = first, block
        if number <= header.lines:
            skip = header.lines - number + 1
            at = 0
            for _ in range(skip):
                at = text.find(b"\n", at) + 1
                if not at:
                    break
            else:
                yield header.lines + 1, text[at:]
            continue
        yield number, text
