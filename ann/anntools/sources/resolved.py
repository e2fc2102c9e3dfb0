"""An annotation source as a run uses it: the keys it writes, under the names of this file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ann.anntools.io.header import Header, info_line, key_names
from ann.anntools.store.manifest import Column, Manifest, Source

ID_KEY = "ID"
ANN_COLUMN = Column(
    "ANN",
    ".",
    "String",
    "Functional annotations: 'Allele | Annotation | Annotation_Impact | Gene_Name | Gene_ID | "
    "Feature_Type | Feature_ID | Transcript_BioType | Rank | HGVS.c | HGVS.p | "
    "cDNA.pos / cDNA.length | CDS.pos / CDS.length | AA.pos / AA.length | Distance | "
    "ERRORS / WARNINGS / INFO'",
)


@dataclass(frozen=True, slots=True)
class Resolved:
    """A source of the reference and its key names in this output ("ID" stays)."""

    source: Source
    path: Path
    columns: tuple[Column, ...]
    names: tuple[str, ...]


def resolve_sources(directory: Path, manifest: Manifest, header: Header) -> list[Resolved]:
    """The sources that write something, in manifest order."""
    found = []
    for source in manifest.sources:
        columns = (ANN_COLUMN,) if source.kind == "gene" else source.columns
        if not columns:
            continue
        names = key_names(header, [column for column in columns if column.key != ID_KEY])
        names[ID_KEY] = ID_KEY
        found.append(
            Resolved(
                source,
                directory / source.file,
                columns,
                tuple(names[column.key] for column in columns),
            )
        )
    return found


def info_lines(sources: Sequence[Resolved]) -> list[str]:
    """The ##INFO lines of all keys."""
    return [
        info_line(name, column, resolved.source.info.title, resolved.source.info.release)
        for resolved in sources
        for name, column in zip(resolved.names, resolved.columns, strict=True)
        if column.key != ID_KEY
    ]
