"""The made-up transcripts of the worked table, each with what it is there to show.

All lie on one contig of 30,000 bases, forward strand given; BETA is ALPHA on the other strand.
Lower-case letters are introns.
"""

from dataclasses import replace

from ann.anntools.consequence.codon import reverse_complement
from ann.anntools.consequence.transcript import Transcript
from tests.unit.ann.consequence.worlds import World, with_sequence

# Three exons: the first border is between codons 7 and 8, the second inside codon 12.
# M K K D S S Q | A W Y E L | R G G L Ter; the UTR has a stop in each frame.
ALPHA = (
    "CCAGTCACTC" "ATGAAAAAAGATTCTTCACAG"
    "gtaagtcacgtaccatgatcatccggtaccctttcttcag"
    "GCCTGGTATGAACT"
    "gtatgaccatcgatacgtacctgttcacag"
    "TAGAGGTGGTCTGTAA" "GCTTGATAACCCATAGGTGACC"
)  # fmt: skip
# The same length of 31 makes the second intron odd.
ALPHA = ALPHA.replace("gtatgaccatcgatacgtacctgttcacag", "gtatgaccatcgataccgtacctgttcacag")
# Two non-coding exons round an intron of 12 bases.
GAMMA = "ACGTTGCAAGgtcctattacagGGATCCTTAA"
# Neither end of the coding sequence is complete; one base is left of the first codon, two of the
# last: C | AAA GAT CTG | GA.
DELTA = "CAAAGATCTGGA"
# Mitochondrial code: ATA start, TGA Trp, CAA Gln, AGG stop.
MITO = "ATATGACAAAGG"
# Mitochondrial code, ATT (Ile) start, last codon T completed by the poly-A tail.
MITO_OPEN = "ATTGCACATT"
# Selenocysteine at 2: ATG TGA AAA TAA.
SELENO = "CCATGTGAAAATAAGG"

SIZE = 30_000
PLACES = {
    "ALPHA": 6_000,
    "BETA": 14_000,
    "GAMMA": 15_000,
    "DELTA": 16_000,
    "MITO": 17_000,
    "MITO_OPEN": 18_000,
    "SELENO": 19_000,
}
TEXTS = {
    "ALPHA": ALPHA,
    "BETA": ALPHA,
    "GAMMA": GAMMA,
    "DELTA": DELTA,
    "MITO": MITO,
    "MITO_OPEN": MITO_OPEN,
    "SELENO": SELENO,
}
# Bases of UTR before and after the coding sequence.
CODING = {
    "ALPHA": (10, 22),
    "BETA": (10, 22),
    "DELTA": (0, 0),
    "MITO": (0, 0),
    "MITO_OPEN": (0, 0),
    "SELENO": (2, 2),
}


def _contig() -> bytes:
    bases = bytearray(b"GATC" * (SIZE // 4))
    for name, text in TEXTS.items():
        body = text.upper().encode()
        if name == "BETA":
            body = reverse_complement(body)
        bases[PLACES[name] : PLACES[name] + len(body)] = body
    return bytes(bases)


CONTIG = _contig()


def _exons(name: str) -> tuple[tuple[int, int], ...]:
    text = TEXTS[name]
    if name == "BETA":
        text = text[::-1]
    found: list[tuple[int, int]] = []
    start = None
    for i, letter in enumerate(text + "x"):
        if letter.isupper() and start is None:
            start = i
        elif letter.islower() and start is not None:
            found.append((PLACES[name] + start, PLACES[name] + i))
            start = None
    return tuple(found)


def _transcript(name: str) -> Transcript:
    exons = _exons(name)
    cds = None
    if name in CODING:
        before, after = CODING[name]
        if name == "BETA":
            before, after = after, before
        cds = (exons[0][0] + before, exons[-1][1] - after)
    made = Transcript(
        transcript_id=name,
        gene_id=f"G_{name}",
        gene_name=name.title(),
        biotype="protein_coding" if cds else "lncRNA",
        contig="T",
        strand=-1 if name == "BETA" else 1,
        exons=exons,
        cds=cds,
        genetic_code=2 if name.startswith("MITO") else 1,
        cds_phase=1 if name == "DELTA" else 0,
        cds_start_nf=name == "DELTA",
        cds_end_nf=name == "DELTA",
    )
    return with_sequence(CONTIG, made)


TRANSCRIPTS = {name: _transcript(name) for name in TEXTS}
# ALPHA as a reference without sequence knows it, and one with the coding sequence alone.
_alpha = TRANSCRIPTS["ALPHA"]
assert _alpha.sequence is not None
TRANSCRIPTS["BARE"] = replace(_alpha, transcript_id="BARE", sequence=None)
TRANSCRIPTS["CDS"] = replace(
    _alpha, transcript_id="CDS", sequence=None, cds_sequence=_alpha.sequence[10:-22]
)
WORLD = World("T", CONTIG, tuple(TRANSCRIPTS.values()))
