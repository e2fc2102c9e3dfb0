"""The bundled tables, compiled."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from ann.anntools.assembly.contigs import LENGTHS
from ann.anntools.bundled import load
from ann.anntools.errors import ReferenceUnusableError
from ann.anntools.store.manifest import FORMAT, MANIFEST, Column, SourceInfo
from ann.anntools.store.reference import CURRENT, ReferenceWriter, switch_current

ASSEMBLIES: Final = ("GRCh37", "GRCh38")
PREFIX: Final = "bundled-"

GENE: Final = Column("GENE", ".", "String", "Symbols of the genes that overlap")
GENE_ID: Final = Column("GENE_ID", ".", "String", "Ensembl ids of the genes that overlap")
HGNC: Final = Column("HGNC", ".", "String", "HGNC ids of the genes that overlap")
CYTOBAND: Final = Column("cytoBand", ".", "String", "Chromosome bands that overlap")
MANE: Final = Column(
    "MANE", ".", "String", "MANE transcripts that overlap: status|Ensembl|RefSeq|symbol"
)
CLINVAR: Final = (
    Column("ID", "A", "String", "dbSNP id", integer=True, prefix="rs"),
    Column("CLNVID", "A", "Integer", "ClinVar variation id", integer=True),
    Column("CLNSIG", "A", "String", "ClinVar: clinical significance"),
    Column("CLNREVSTAT", "A", "String", "ClinVar: review status"),
    Column("CLNDN", "A", "String", "ClinVar: conditions, | between several"),
)


def source_info(name: str, title: str, *tables: str) -> SourceInfo:
    """Where a compiled source comes from, as the manifest of its tables tells it."""
    facts = load.manifest()
    used = [facts[table] for table in tables]
    return SourceInfo(
        name=name,
        title=title,
        release="; ".join(dict.fromkeys(fact.release for fact in used)),
        retrieved_at=used[0].retrieved_at,
        licence="; ".join(dict.fromkeys(fact.licence for fact in used)),
        url=" ".join(dict.fromkeys(purl for fact in used for purl in fact.purls)),
        sha256=" ".join(fact.sha256 for fact in used),
    )


def release_id() -> str:
    """Names the compiled form: it changes with the tables and with the store's format."""
    digest = hashlib.sha256(load.MANIFEST.read_bytes())
    digest.update(f"format {FORMAT}".encode())
    return PREFIX + digest.hexdigest()[:12]


def ensure(root: Path, assembly: str) -> Path:
    """The release in use under `root`; the bundled tables are compiled if there is none.

    An older compiled bundle makes way for the current one, a reference that was built does not.
    Any number of processes may do this at once: each ends with a whole release.
    """
    home = root / assembly
    current = home / CURRENT
    wanted = release_id()
    if current.exists():
        name = current.resolve().name
        if name == wanted or not name.startswith(PREFIX):
            return current.resolve()
    if (home / wanted / MANIFEST).exists():
        # A folder that cannot be written, or another version of this program that wants its own
        # release to be the current one, is no reason not to use this one.
        with suppress(OSError):
            switch_current(home, wanted)
    else:
        compile_bundle(root, assembly)
    return home / wanted


def compile_bundle(root: Path, assembly: str, *, switch: bool = True) -> None:
    """Compile the bundled tables of GRCh37 or GRCh38; `switch` makes them the current ones."""
    if assembly not in ASSEMBLIES:
        raise ReferenceUnusableError(
            f"nothing is bundled for {assembly}; assemblies with a reference: "
            f"{', '.join(ASSEMBLIES)}"
        )
    writer = ReferenceWriter(root, assembly, release_id(), LENGTHS[assembly], switch=switch)
    with writer:
        for add in _adders(assembly).values():
            add(writer, assembly)


def names(assembly: str) -> frozenset[str]:
    """What the bundled sources of an assembly are called."""
    return frozenset(_adders(assembly))


def _adders(assembly: str) -> dict[str, Callable[[ReferenceWriter, str], None]]:
    if assembly not in ASSEMBLIES:
        return {}
    adders: dict[str, Callable[[ReferenceWriter, str], None]] = {
        "rCRS": _add_sequence,
        "transcripts": _add_transcripts,
        "genes": _add_genes,
        "cytoBand": _add_bands,
    }
    if assembly == "GRCh38":
        adders |= {"mane": _add_mane, "clinvar": _add_clinvar}
    return adders


def hgnc_ids() -> dict[str, str]:
    """HGNC ids by Ensembl gene id."""
    found = {row.gene_id: row.hgnc_id for row in load.mane()}
    return found | {gene.gene_id: gene.hgnc_id for gene in load.mitochondrial_genes()}


def _add_sequence(writer: ReferenceWriter, _assembly: str) -> None:
    info = source_info("rCRS", "Mitochondrial sequence", load.SEQUENCES)
    sequence = writer.sequence(info)
    for row in load.sequences():
        sequence.add(row.contig, [row.sequence.encode()])


def _add_transcripts(writer: ReferenceWriter, assembly: str) -> None:
    tables = [load.MITOCHONDRIAL_GENES, load.SEQUENCES]
    if assembly == "GRCh38":
        tables.insert(0, load.TRANSCRIPTS)
    genes = writer.genes(source_info("transcripts", "Transcripts", *tables))
    if assembly == "GRCh38":
        for transcript in load.transcripts():
            genes.add(transcript)
    for transcript in load.mitochondrial_transcripts():
        genes.add(transcript)


def _add_genes(writer: ReferenceWriter, assembly: str) -> None:
    table = f"genes_{assembly}"
    hgnc = hgnc_ids()
    info = source_info("genes", "Genes", table, load.MANE, load.MITOCHONDRIAL_GENES)
    intervals = writer.intervals(info, (GENE, GENE_ID, HGNC))
    for gene in load.genes(assembly):
        values = (gene.gene_name, gene.gene_id, hgnc.get(gene.gene_id))
        intervals.add(gene.contig, gene.start, gene.end, values)


def _add_bands(writer: ReferenceWriter, assembly: str) -> None:
    info = source_info("cytoBand", "Chromosome bands", load.CYTOBANDS)
    intervals = writer.intervals(info, (CYTOBAND,))
    for band in load.cytobands(assembly):
        intervals.add(band.contig, band.start, band.end, (f"{band.contig}{band.band}",))


def _add_mane(writer: ReferenceWriter, _assembly: str) -> None:
    intervals = writer.intervals(source_info("mane", "MANE", load.MANE), (MANE,))
    for row in load.mane():
        parts = (row.status, row.ensembl_transcript, row.refseq_transcript, row.gene_name)
        intervals.add(row.contig, row.start, row.end, ("|".join(parts),))


def _add_clinvar(writer: ReferenceWriter, _assembly: str) -> None:
    info = source_info("clinvar", "ClinVar (likely) pathogenic", load.CLINVAR, load.CONDITIONS)
    alleles = writer.alleles(info, CLINVAR)
    (mitochondrion,) = load.sequences()
    bases = mitochondrion.sequence.encode()
    known = dict(enumerate(bases))
    contig = ""
    for row in load.clinical_variants():
        if row.contig != contig:
            contig = row.contig
            alleles.start_contig(
                contig, (lambda at: known.get(at, 0)) if contig == mitochondrion.contig else None
            )
        values = (
            row.rs,
            row.variation_id,
            row.significance,
            row.review,
            "|".join(row.conditions) or None,
        )
        alleles.add(row.pos, row.ref, row.alt, values)
