"""Made-up contigs with genes on them: for the tests of the consequence routine and its oracles."""

import random
from dataclasses import dataclass, replace
from pathlib import Path

from ann.anntools.consequence.codon import genetic_code, reverse_complement
from ann.anntools.consequence.transcript import Transcript

STOPS = {1: (b"TAA", b"TAG", b"TGA"), 2: (b"TAA", b"TAG", b"AGA", b"AGG")}


def seeded(seed: int) -> random.Random:
    """A generator that makes the same world again."""
    return random.Random(seed)  # noqa: S311 - made-up genomes, not secrets


@dataclass(frozen=True)
class World:
    """One contig and the transcripts on it."""

    contig: str
    sequence: bytes
    transcripts: tuple[Transcript, ...]

    def genome(self, start: int, end: int) -> bytes | None:
        """What the annotation routine asks for bases."""
        return self.sequence[start:end] if 0 <= start <= end <= len(self.sequence) else None

    def write(self, folder: Path) -> None:
        """`genome.fa`, `genome.fa.fai` and `genes.gff3` (Ensembl style) in `folder`."""
        (folder / "genome.fa").write_bytes(
            b">" + self.contig.encode() + b"\n" + self.sequence + b"\n"
        )
        length = len(self.sequence)
        offset = len(self.contig) + 2
        (folder / "genome.fa.fai").write_text(
            f"{self.contig}\t{length}\t{offset}\t{length}\t{length + 1}\n"
        )
        lines = ["##gff-version 3", f"##sequence-region {self.contig} 1 {length}"]
        for transcript in self.transcripts:
            lines += gff_lines(transcript)
        (folder / "genes.gff3").write_text("\n".join(lines) + "\n")
        (folder / "transcripts.fa").write_bytes(
            b"".join(
                b">" + transcript.transcript_id.encode() + b"\n" + transcript.sequence + b"\n"
                for transcript in self.transcripts
                if transcript.sequence is not None
            )
        )


def gff_lines(transcript: Transcript) -> list[str]:
    """A gene and its one transcript as Ensembl writes them."""
    strand = "+" if transcript.strand == 1 else "-"
    name, gene, biotype = transcript.transcript_id, transcript.gene_id, transcript.biotype
    coding = transcript.cds is not None

    def line(kind: str, start: int, end: int, phase: str, fields: str) -> str:
        columns = (transcript.contig, "made", kind, start + 1, end, ".", strand, phase, fields)
        return "\t".join(map(str, columns))

    lines = [
        line(
            "gene" if coding else "ncRNA_gene",
            transcript.start,
            transcript.end,
            ".",
            f"ID=gene:{gene};Name={transcript.gene_name};biotype={biotype};gene_id={gene};version=1",
        ),
        line(
            "mRNA" if coding else "lnc_RNA",
            transcript.start,
            transcript.end,
            ".",
            f"ID=transcript:{name};Parent=gene:{gene};Name={transcript.gene_name}-201;"
            f"biotype={biotype};transcript_id={name};version=1;tag=basic,Ensembl_canonical",
        ),
    ]
    ordered = transcript.exons if transcript.strand == 1 else transcript.exons[::-1]
    coded = 0
    for rank, (start, end) in enumerate(ordered, 1):
        lines.append(
            line(
                "exon",
                start,
                end,
                ".",
                f"Parent=transcript:{name};Name={name}.{rank};exon_id={name}.{rank};rank={rank}",
            )
        )
        if transcript.cds is None:
            continue
        low, high = max(start, transcript.cds[0]), min(end, transcript.cds[1])
        if low < high:
            phase = (transcript.cds_phase - coded) % 3
            fields = f"ID=CDS:{name}P;Parent=transcript:{name};protein_id={name}P;version=1"
            lines.append(line("CDS", low, high, str(phase), fields))
            coded += high - low
        for kind, left, right in utrs(transcript, start, end):
            lines.append(line(kind, left, right, ".", f"Parent=transcript:{name}"))
    return lines


def utrs(transcript: Transcript, start: int, end: int) -> list[tuple[str, int, int]]:
    """The untranslated parts of one exon."""
    assert transcript.cds is not None
    low, high = transcript.cds
    before, after = "five_prime_UTR", "three_prime_UTR"
    if transcript.strand == -1:
        before, after = after, before
    found = []
    if start < low:
        found.append((before, start, min(end, low)))
    if end > high:
        found.append((after, max(start, high), end))
    return found


def spliced(sequence: bytes, transcript: Transcript) -> bytes:
    """The transcript's own sequence cut out of the contig."""
    joined = b"".join(sequence[start:end] for start, end in transcript.exons)
    return joined if transcript.strand == 1 else reverse_complement(joined)


def with_sequence(sequence: bytes, transcript: Transcript) -> Transcript:
    """The transcript, knowing its sequence."""
    return replace(transcript, sequence=spliced(sequence, transcript))


def mirrored(world: World) -> World:
    """The same genes on the other strand."""
    length = len(world.sequence)

    def turn(transcript: Transcript) -> Transcript:
        return replace(
            transcript,
            strand=-transcript.strand,
            exons=tuple((length - end, length - start) for start, end in transcript.exons[::-1]),
            cds=None
            if transcript.cds is None
            else (length - transcript.cds[1], length - transcript.cds[0]),
        )

    return World(
        world.contig,
        reverse_complement(world.sequence),
        tuple(turn(transcript) for transcript in world.transcripts),
    )


def random_world(
    rng: random.Random, genes: int, *, code: int = 1, contig: str = "1", letters: bytes = b"ACGT"
) -> World:
    """Genes side by side with real reading frames (ATG to stop), splice sites GT..AG, both strands.

    One in six is non-coding. Fewer `letters` make more repeats.
    """
    parts: list[bytes] = []
    transcripts: list[Transcript] = []
    at = 0
    for number in range(1, genes + 1):
        gap = rng.randint(50, 400)
        parts.append(_bases(rng, gap, letters))
        at += gap
        body, transcript = _random_gene(rng, number, code, contig, letters)
        if rng.random() < 0.5:
            one = World(contig, body, (transcript,))
            turned = mirrored(one)
            body, transcript = turned.sequence, turned.transcripts[0]
        parts.append(body)
        placed = replace(
            transcript,
            exons=tuple((start + at, end + at) for start, end in transcript.exons),
            cds=None
            if transcript.cds is None
            else (transcript.cds[0] + at, transcript.cds[1] + at),
        )
        transcripts.append(placed)
        at += len(body)
    parts.append(_bases(rng, 200, letters))
    sequence = b"".join(parts)
    return World(contig, sequence, tuple(with_sequence(sequence, t) for t in transcripts))


def odd_transcripts(rng: random.Random, sequence: bytes) -> list[Transcript]:
    """Models at the edge of what holds together: exons and introns of a base or none, every phase,
    open ends, coding sequence from the first base or to the last, sequence known, partly or not."""
    at = rng.randint(1, 40)
    exons = []
    for _ in range(rng.randint(1, 6)):
        size = rng.choice((1, 2, 3, 5, 30))
        exons.append((at, at + size))
        at += size + rng.choice((0, 1, 2, 3, 7, 20))
    inside = [g for start, end in exons for g in range(start, end)]
    low, high = sorted((rng.choice(inside), rng.choice(inside)))
    made = Transcript(
        transcript_id="ODD",
        gene_id="G",
        gene_name="ODD",
        biotype="protein_coding",
        contig="1",
        strand=rng.choice((1, -1)),
        exons=tuple(exons),
        cds=(low, high + 1),
        cds_phase=rng.randint(0, 2),
        genetic_code=rng.choice((1, 2)),
        cds_start_nf=rng.random() < 0.5,
        cds_end_nf=rng.random() < 0.5,
    )
    known = with_sequence(sequence, made)
    assert known.sequence is not None
    model = known.model
    coding = known.sequence[model.coding_start : model.coding_end]
    return [made, known, replace(made, cds_sequence=coding), replace(known, cds=None)]


def _random_gene(
    rng: random.Random, number: int, code: int, contig: str, letters: bytes
) -> tuple[bytes, Transcript]:
    sense = [
        codon
        for codon in genetic_code(code).amino_acid
        if codon not in STOPS[code] and not codon.translate(None, letters + b"ATG")
    ]
    coding = rng.random() > 1 / 6
    codons = [b"ATG", *rng.choices(sense, k=rng.randint(5, 60)), rng.choice(STOPS[code])]
    five, three = rng.randint(1, 40), rng.randint(1, 60)
    message = _bases(rng, five, letters) + b"".join(codons) + _bases(rng, three, letters)
    cuts = sorted(rng.sample(range(1, len(message)), rng.randint(0, 5)))
    pieces = [message[a:b] for a, b in zip([0, *cuts], [*cuts, len(message)], strict=True)]
    body = b""
    exons = []
    for index, piece in enumerate(pieces):
        if index:
            body += b"GT" + _bases(rng, rng.randint(4, 120), letters) + b"AG"
        exons.append((len(body), len(body) + len(piece)))
        body += piece
    cds = None
    if coding:
        ends = (five, len(message) - three - 1)
        low, high = (_locate(exons, t) for t in ends)
        cds = (low, high + 1)
    return body, Transcript(
        transcript_id=f"ENST{number:011d}",
        gene_id=f"ENSG{number:011d}",
        gene_name=f"GENE{number}",
        biotype="protein_coding" if coding else "lncRNA",
        contig=contig,
        strand=1,
        exons=tuple(exons),
        cds=cds,
        genetic_code=code,
    )


def _locate(exons: list[tuple[int, int]], t: int) -> int:
    for start, end in exons:
        if t < end - start:
            return start + t
        t -= end - start
    raise AssertionError(t)


def _bases(rng: random.Random, count: int, letters: bytes) -> bytes:
    return bytes(rng.choices(letters, k=count))


def random_allele(rng: random.Random, sequence: bytes, at: int) -> tuple[int, bytes, bytes]:
    """(1-based POS, REF, ALT) of a random small change whose first base is `at` (0-based)."""
    kind = rng.random()
    size = rng.choice((1, 1, 1, 2, 3, 3, 4, 5, 6, 9, 12, 25))
    anchor = sequence[at : at + 1]
    if kind < 0.35:
        other = bytes(set(b"ACGT") - set(anchor))
        return at + 1, anchor, bytes([rng.choice(other)])
    if kind < 0.6:
        return at + 1, sequence[at : at + 1 + size], anchor
    if kind < 0.75:
        return at + 1, anchor, anchor + _bases(rng, size, b"ACGT")
    if kind < 0.85:
        return at + 1, anchor, anchor + sequence[at + 1 : at + 1 + size]
    new = _bases(rng, rng.randint(1, 8), b"ACGT")
    return at + 1, sequence[at : at + size], new
