"""What a compiled reference says about itself: sources, the INFO keys they write, where from."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from ann.anntools.errors import ReferenceUnusableError

FORMAT = 3
MANIFEST = "manifest.json"

Kind = Literal["allele", "interval", "gene", "sequence", "chain"]


@dataclass(frozen=True, slots=True)
class Column:
    """One value of a source and the INFO key it becomes.

    `key` "ID" fills the ID column instead of INFO.  `number` is "A" for a value of each allele,
    "." for a list, "0" for a flag.  `integer` columns hold whole numbers (uint32) and are written
    after `prefix`, as in rs334; other columns hold text, percent-encoded by the writer.
    """

    key: str
    number: str
    type: str
    description: str
    integer: bool = False
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """Where a source comes from; `retrieved_at` is an ISO date, `sha256` that of the original."""

    name: str
    title: str
    release: str
    retrieved_at: str
    licence: str
    url: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Source:
    """A compiled source as the manifest lists it."""

    info: SourceInfo
    kind: Kind
    columns: tuple[Column, ...]
    records: int
    file: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """All of one release of the reference for one assembly.

    `contigs` maps canonical names to lengths; `sources` are in the order their keys are written.
    """

    assembly: str
    release_id: str
    contigs: dict[str, int]
    sources: tuple[Source, ...] = ()
    format: int = field(default=FORMAT)

    def write(self, directory: Path) -> None:
        """Write manifest.json into the directory."""
        text = json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"
        (directory / MANIFEST).write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, directory: Path) -> "Manifest":
        """Read manifest.json of the directory."""
        try:
            data: dict[str, Any] = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ReferenceUnusableError(f"{directory.name}: no readable manifest") from error
        if data.get("format") != FORMAT:
            raise ReferenceUnusableError(
                f"{directory.name}: format {data.get('format')}, this version reads {FORMAT}; "
                "build the reference again"
            )
        sources = tuple(
            Source(
                info=SourceInfo(**source["info"]),
                kind=source["kind"],
                columns=tuple(Column(**column) for column in source["columns"]),
                records=source["records"],
                file=source["file"],
            )
            for source in data["sources"]
        )
        return cls(data["assembly"], data["release_id"], data["contigs"], sources)
