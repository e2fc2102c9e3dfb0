"""A table on its way into the bundle."""

import gzip
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ann.anntools.bundled.making.packages import Package

CONTIGS: Final = (*(str(number) for number in range(1, 23)), "X", "Y", "MT")
CONTIG_RANK: Final = {name: rank for rank, name in enumerate(CONTIGS)}


@dataclass(frozen=True, slots=True)
class Column:
    """A column's name and what its values mean, with the unit."""

    name: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows with all that the manifest says about them."""

    name: str
    what: str
    assembly: str
    release: str
    data_licence: str
    sources: tuple[tuple[Package, tuple[str, ...]], ...]
    columns: tuple[Column, ...]
    rows: Sequence[tuple[str, ...]]
    order: str
    notes: tuple[str, ...] = ()

    def tsv_gz(self) -> bytes:
        """The gzip'd text; the same rows give the same bytes."""
        plain = io.BytesIO()
        plain.write(("#" + "\t".join(column.name for column in self.columns) + "\n").encode())
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{self.name}: {row!r} does not fit the columns")
            if any(character in value for value in row for character in "\t\r\n"):
                raise ValueError(f"{self.name}: {row!r} holds a separator")
            plain.write(("\t".join(row) + "\n").encode())
        packed = io.BytesIO()
        with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9, mtime=0) as stream:
            stream.write(plain.getvalue())
        return packed.getvalue()


def text_lines(packed: bytes) -> Iterable[str]:
    """Lines of a gzip'd text that are not comments."""
    for line in gzip.decompress(packed).decode().splitlines():
        if line and not line.startswith("#"):
            yield line
