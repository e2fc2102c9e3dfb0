"""The HGNC complete set: approved names and gene groups, put where the genes lie."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ann.anntools.build.parse.lines import SourceError, lines
from ann.anntools.build.parse.table import IntervalRow
from ann.anntools.bundled import load
from ann.anntools.store.manifest import Column

COLUMNS: Final = (
    Column("HGNC_NAME", ".", "String", "HGNC: approved names of the genes that overlap"),
    Column("HGNC_GROUP", ".", "String", "HGNC: groups of the genes that overlap"),
)
_NEEDED: Final = ("ensembl_gene_id", "name", "gene_group")


def hgnc(path: Path, assembly: str) -> Iterator[IntervalRow]:
    """A row for each gene of the bundled table that the set names, by Ensembl id."""
    named: dict[str, tuple[str, str]] = {}
    header: list[str] = []
    for _, text in lines(path):
        fields = [field.strip('"') for field in text.split("\t")]
        if not header:
            header = fields
            for column in _NEEDED:
                if column not in header:
                    raise SourceError(path.name, "there is no such column", line=1, column=column)
            continue
        if len(fields) < len(header):
            # The publisher leaves empty columns at the end of a line out.
            fields += [""] * (len(header) - len(fields))
        row = dict(zip(header, fields, strict=False))
        if row["ensembl_gene_id"]:
            named[row["ensembl_gene_id"]] = (row["name"], row["gene_group"])
    found = 0
    for gene in load.genes(assembly):
        if gene.gene_id in named:
            found += 1
            name, group = (text.replace(" ", "_") or None for text in named[gene.gene_id])
            yield IntervalRow(gene.contig, gene.start, gene.end, (name, group))
    if not found:
        raise SourceError(path.name, "none of its Ensembl gene ids is known")
