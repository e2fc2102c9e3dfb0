"""Small random references: a genome, genes on both strands, known alleles and overlapping rows."""

import random
from dataclasses import dataclass
from pathlib import Path

from ann.anntools.consequence.codon import reverse_complement
from ann.anntools.consequence.transcript import Transcript
from ann.anntools.store.manifest import Column, SourceInfo
from ann.anntools.store.reference import ReferenceWriter, current_release

CONTIGS = {"1": 30_000, "2": 9_000, "3": 400}


@dataclass(frozen=True)
class World:
    """Where the reference lies and what it was made of."""

    directory: Path
    genome: dict[str, bytes]
    alleles: list[tuple[str, int, str, str]]


def info(name: str) -> SourceInfo:
    return SourceInfo(name, name.upper(), "1", "2026-01-01", "CC0", "", "")


def bases(rng: random.Random, count: int) -> bytes:
    """Random bases with runs and repeats, as genomes have them."""
    out = bytearray()
    while len(out) < count:
        if rng.random() < 0.02:
            out += bytes(rng.choices(b"ACGT", k=rng.randint(1, 4))) * rng.randint(3, 20)
        elif rng.random() < 0.0005:
            out += b"N" * rng.randint(1, 30)
        else:
            out += bytes(rng.choices(b"ACGT", k=1))
    return bytes(out[:count])


def transcript(
    rng: random.Random, number: int, contig: str, genome: bytes, known: str
) -> Transcript:
    exons = []
    at = rng.randint(0, len(genome) // 2)
    for _ in range(rng.randint(1, 6)):
        size = rng.randint(1, 120) if rng.random() < 0.2 else rng.randint(30, 200)
        if at + size > len(genome):
            break
        exons.append((at, at + size))
        at += size + (rng.randint(0, 12) if rng.random() < 0.2 else rng.randint(20, 600))
    exons = exons or [(0, 50)]
    strand = rng.choice((1, -1))
    spliced = b"".join(genome[a:b] for a, b in exons)
    coding = None
    inside = [place for a, b in exons for place in range(a, b)]
    if rng.random() < 0.75 and len(inside) > 9:
        low = rng.randint(0, len(inside) // 3)
        high = rng.randint(low + 6, len(inside))
        coding = (inside[low], inside[high - 1] + 1)
    cds = (
        b"".join(
            genome[max(a, coding[0]) : min(b, coding[1])]
            for a, b in exons
            if b > coding[0] and a < coding[1]
        )
        if coding
        else None
    )
    if strand < 0:
        spliced = reverse_complement(spliced)
        cds = reverse_complement(cds) if cds else None
    return Transcript(
        transcript_id=f"T{number}",
        gene_id=f"G{number // 2}",
        gene_name=f"GENE;{number // 2}",
        biotype="protein_coding" if coding else "lncRNA",
        contig=contig,
        strand=strand,
        exons=tuple(exons),
        cds=coding,
        cds_phase=rng.choice((0, 0, 0, 1, 2)) if coding else 0,
        sequence=spliced if known == "spliced" else None,
        cds_sequence=cds if known == "cds" else None,
        genetic_code=rng.choice((1, 1, 2)),
        mane_select=rng.random() < 0.2,
        canonical=rng.random() < 0.3,
        cds_start_nf=rng.random() < 0.1,
        cds_end_nf=rng.random() < 0.1,
    )


def any_allele(rng: random.Random, genome: bytes) -> tuple[int, str, str]:
    """1-based position, REF as the genome has it, and an ALT: mostly short, some long."""
    pos = rng.randint(1, len(genome))
    size = rng.choice((1, 1, 1, 2, 3, rng.randint(1, 30)))
    ref = genome[pos - 1 : pos - 1 + size]
    kind = rng.random()
    if kind < 0.5:
        alt = bytes(rng.choices(b"ACGT", k=len(ref)))
    elif kind < 0.75:
        alt = ref[:1] + (ref[1:] * 2 if rng.random() < 0.5 else bytes(rng.choices(b"ACGT", k=3)))
    else:
        alt = ref[:1]
    return pos, ref.decode(), alt.decode()


def _add_alleles(
    writer: ReferenceWriter, contigs: dict[str, bytes], rng: random.Random, *, aligned: bool
) -> list[tuple[str, int, str, str]]:
    alleles = []
    first = writer.alleles(
        info("first"),
        [
            Column("ID", "A", "String", "id", integer=True, prefix="rs"),
            Column("FREQ", "A", "Float", "frequency"),
            Column("COMMON", "0", "Flag", "common"),
        ],
    )
    second = writer.alleles(info("second"), [Column("SIG", ".", "String", "significance")])
    for name, letters in contigs.items():

        def base_at(place: int, letters: bytes = letters) -> int:
            return 0 if letters[place : place + 1] == b"N" else letters[place]

        for source, count in ((first, 3000), (second, 40)):
            source.start_contig(name, base_at if aligned else None)
            for _ in range(count):
                pos, ref, alt = any_allele(rng, letters)
                alleles.append((name, pos, ref, alt))
                values: list[str | int | None] = [f"sig {rng.randint(0, 5)}"]
                if source is first:
                    frequency = f"{rng.random():.3g}" if rng.random() < 0.7 else None
                    values = [rng.randint(0, 1 << 31), frequency, rng.choice(("1", None))]
                source.add(pos, ref, alt, values)
    return alleles


def make_world(root: Path, seed: int, known: str, *, genome: bool) -> World:
    """A reference; `known` says which sequence transcripts carry: spliced, cds or none."""
    rng = random.Random(seed)  # noqa: S311  # repeatable, not secret
    contigs = {name: bases(rng, length) for name, length in CONTIGS.items()}
    with ReferenceWriter(root, "GRCh38", f"world-{seed}", CONTIGS) as writer:
        if genome:
            sequences = writer.sequence(info("genome"))
            for name, letters in contigs.items():
                sequences.add(name, [letters])
        alleles = _add_alleles(writer, contigs, rng, aligned=genome)
        genes = writer.genes(info("genes"))
        for number in range(24):
            name = rng.choice(["1", "1", "2"])
            genes.add(transcript(rng, number, name, contigs[name], known))
        rows = writer.intervals(
            info("rows"), [Column("ROW", ".", "String", "row"), Column("ROW2", ".", "String", "x")]
        )
        for name, length in CONTIGS.items():
            for number in range(60):
                start = rng.randint(0, length - 1)
                end = min(length, start + rng.choice((1, 5, 100, 3000)))
                rows.add(name, start, end, [f"{name}r{number % 50}", None])
    return World(current_release(root, "GRCh38"), contigs, alleles)
