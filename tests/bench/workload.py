"""The common annotation workload: a made-up genome with genes, known variants, tracks and inputs.

150 megabases on four contigs, 2,000 genes with real reading frames, 8 million known variants,
200,000 clinical ones, ten tracks, and three inputs: 1 million sites with one sample (7 of 10
known), 1,000 of them, and 20,000 with 1,000 samples.  The same for the same seed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ann.anntools.consequence.codon import genetic_code, reverse_complement
from ann.anntools.consequence.transcript import Transcript
from ann.anntools.io.bgzf import EOF, compress

CONTIGS = {"1": 60_000_000, "2": 45_000_000, "3": 30_000_000, "X": 15_000_000}
KNOWN, CLINICAL, SITES, GENES = 8_000_000, 200_000, 1_000_000, 2_000
TRACKS = (
    (1_000, 150_000), (2_000, 40_000), (5_000, 20_000), (10_000, 5_000), (20_000, 1_200),
    (50_000, 3_000), (100_000, 300), (200_000, 100), (300_000, 40), (500_000, 15),
)  # fmt: skip
SIGNIFICANCES = (
    "Pathogenic", "Likely_pathogenic", "Uncertain_significance", "Likely_benign", "Benign",
    "Conflicting_classifications", "Pathogenic/Likely_pathogenic", "Benign/Likely_benign",
)  # fmt: skip
_TOTAL = sum(CONTIGS.values())
_BASES = np.frombuffer(b"ACGT", np.uint8)
_INSERTED = ("A", "CA", "GTC", "TTAG", "ACGTA", "GGATCC", "TAGACAT")
_CONTIG_LINES = "".join(f"##contig=<ID={name},length={size}>\n" for name, size in CONTIGS.items())
_INPUT_HEAD = (
    "##fileformat=VCFv4.2\n"
    + _CONTIG_LINES
    + "".join(
        f'##INFO=<ID={key},Number={number},Type={kind},Description="{key}">\n'
        for key, number, kind in (
            ("AC", "A", "Integer"),
            ("AF", "A", "Float"),
            ("AN", "1", "Integer"),
            ("DP", "1", "Integer"),
            ("MQ", "1", "Float"),
            ("QD", "1", "Float"),
        )
    )
    + "".join(
        f'##FORMAT=<ID={key},Number={number},Type={kind},Description="{key}">\n'
        for key, number, kind in (
            ("GT", "1", "String"),
            ("AD", "R", "Integer"),
            ("DP", "1", "Integer"),
            ("GQ", "1", "Integer"),
        )
    )
    + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t"
)
_BED_EXTRA = 3
_CHUNK = 100_000

Rng = np.random.Generator
Ints = npt.NDArray[np.int64]


@dataclass
class Sites:
    """Variants of one contig in order: positions (1-based), REF, ALT."""

    pos: Ints
    ref: list[str]
    alt: list[str]


@dataclass
class Workload:
    """What was made, for those who compile it without reading it back."""

    folder: Path
    genome: dict[str, bytes] = field(default_factory=dict)
    transcripts: list[Transcript] = field(default_factory=list)


def write_bgzf(path: Path, texts: Iterable[str]) -> None:
    """Write text as BGZF."""
    with path.open("wb") as out:
        waiting = b""
        for text in texts:
            waiting += text.encode()
            if len(waiting) >= 1 << 22:
                out.writelines(compress(waiting))
                waiting = b""
        out.writelines(compress(waiting))
        out.write(EOF)


def make_workload(folder: Path, seed: int = 20260101) -> Workload:
    """Write all files of the workload into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    made = Workload(folder)
    letters = {name: _BASES[rng.integers(0, 4, size)] for name, size in CONTIGS.items()}
    coding = _add_genes(made, letters, rng)
    made.genome = {name: values.tobytes() for name, values in letters.items()}
    _write_genome(folder, made.genome)
    known = {
        name: _sites(made.genome[name], _places(rng, size, KNOWN), rng, indels=0.10, several=0.05)
        for name, size in CONTIGS.items()
    }
    write_bgzf(folder / "dbsnp.vcf.gz", _known_lines(known, rng))
    inputs = _input_sites(made.genome, known, rng)
    _write_inputs(folder, inputs, rng)
    write_bgzf(folder / "clinvar.vcf.gz", _clinical_lines(made.genome, known, inputs, coding, rng))
    for number, (rows, size) in enumerate(TRACKS, 1):
        write_bgzf(folder / f"t{number}.bed.gz", _track_lines(number, rows, size, rng))
    return made


def _places(rng: Rng, size: int, total: int) -> Ints:
    count = int(total * size / _TOTAL * 1.028)
    return np.unique(rng.integers(1_000, size - 1_000, count))


def _sites(genome: bytes, pos: Ints, rng: Rng, *, indels: float, several: float) -> Sites:
    codes = np.frombuffer(genome, np.uint8)[pos - 1]
    numbers = np.searchsorted(_BASES, codes)
    shift = rng.integers(1, 4, len(pos))
    first = _BASES[(numbers + shift) % 4].tobytes().decode()
    second = _BASES[(numbers + shift % 3 + 1) % 4].tobytes().decode()
    kinds, sizes = rng.random(len(pos)).tolist(), rng.integers(0, 7, len(pos)).tolist()
    ref, alt = list(codes.tobytes().decode()), list(first)
    for index, kind in enumerate(kinds):
        if kind < indels / 2:
            place = int(pos[index]) - 1
            alt[index] = ref[index]
            ref[index] = genome[place : place + 2 + sizes[index]].decode()
        elif kind < indels:
            alt[index] = ref[index] + _INSERTED[sizes[index]]
        elif kind < indels + several:
            alt[index] = f"{first[index]},{second[index]}"
    return Sites(pos, ref, alt)


def _gene_exons(rng: Rng, start: int, room: int) -> list[tuple[int, int]]:
    count = int(np.clip(rng.geometric(1 / 9), 1, 40))
    sizes = np.clip(rng.lognormal(4.9, 0.6, count).astype(int), 45, 1500)
    sizes[0] += 120
    sizes[-1] += 300
    gaps = np.clip(rng.lognormal(7.2, 1.1, count).astype(int), 80, 20_000)
    exons, at = [], start
    for size, gap in zip(sizes.tolist(), gaps.tolist(), strict=True):
        if exons and at + size > start + room:
            break
        exons.append((at, at + size))
        at += size + gap
    return exons


def _frame(rng: Rng, codons: int) -> bytes:
    table = genetic_code(1).amino_acid
    sense = [codon for codon, letter in table.items() if letter != "*"]
    stops = [codon for codon, letter in table.items() if letter == "*"]
    inner = [sense[number] for number in rng.integers(0, len(sense), codons - 2).tolist()]
    return b"ATG" + b"".join(inner) + stops[int(rng.integers(0, len(stops)))]


def _add_genes(
    made: Workload, letters: dict[str, npt.NDArray[np.uint8]], rng: Rng
) -> dict[str, Ints]:
    """Put genes into the genome and their models into a GFF3; gives the coding places."""
    lines = ["##gff-version 3"]
    coding: dict[str, list[Ints]] = {name: [] for name in CONTIGS}
    for name, size in CONTIGS.items():
        count = int(GENES * size / _TOTAL)
        slot = size // count
        for index in range(count):
            number = len(made.transcripts) + 1
            start = index * slot + 500 + int(rng.integers(0, 2_000))
            exons = _gene_exons(rng, start, slot - 4_000)
            strand = 1 if rng.random() < 0.5 else -1
            inside = np.concatenate([np.arange(a, b) for a, b in exons])[::strand]
            frame = None
            if rng.random() >= 0.12 and len(inside) > 200:
                frame = inside[40 : 40 + (len(inside) - 190) // 3 * 3]
                text = _frame(rng, len(frame) // 3)
                bases = text if strand > 0 else reverse_complement(text)[::-1]
                letters[name][frame] = np.frombuffer(bases, np.uint8)
                coding[name].append(frame)
            transcript = _model(number, name, strand, exons, frame, letters[name][inside])
            made.transcripts.append(transcript)
            lines += _gff(transcript)
    (made.folder / "genes.gff3").write_text("\n".join(lines) + "\n")
    return {name: np.unique(np.concatenate(places)) for name, places in coding.items()}


def _model(  # what a transcript is made of
    number: int,
    contig: str,
    strand: int,
    exons: list[tuple[int, int]],
    frame: Ints | None,
    bases: npt.NDArray[np.uint8],
) -> Transcript:
    spliced = bases.tobytes()
    return Transcript(
        transcript_id=f"ENST{number:011d}",
        gene_id=f"ENSG{number:011d}",
        gene_name=f"GENE{number:05d}",
        biotype="lncRNA" if frame is None else "protein_coding",
        contig=contig,
        strand=strand,
        exons=tuple(exons),
        cds=None if frame is None else (int(frame.min()), int(frame.max()) + 1),
        sequence=spliced if strand > 0 else reverse_complement(spliced)[::-1],
        canonical=True,
    )


def _gff(model: Transcript) -> Iterator[str]:
    strand = "+" if model.strand > 0 else "-"
    gene, transcript = f"gene:{model.gene_id}", f"transcript:{model.transcript_id}"

    def row(kind: str, start: int, end: int, phase: str, attributes: str) -> str:
        cells = (model.contig, "made", kind, start + 1, end, ".", strand, phase, attributes)
        return "\t".join(map(str, cells))

    start, end = model.start, model.end
    yield row("gene", start, end, ".", f"ID={gene};Name={model.gene_name};biotype={model.biotype}")
    kind = "mRNA" if model.cds else "lnc_RNA"
    yield row(kind, start, end, ".", f"ID={transcript};Parent={gene};biotype={model.biotype}")
    for low, high in model.exons:
        yield row("exon", low, high, ".", f"Parent={transcript}")
    done = 0
    for low, high in model.exons[:: model.strand]:
        first, last = max(low, (model.cds or (0, 0))[0]), min(high, (model.cds or (0, 0))[1])
        if first < last:
            yield row("CDS", first, last, str(-done % 3), f"Parent={transcript}")
            done += last - first


def _write_genome(folder: Path, genome: dict[str, bytes]) -> None:
    index = []
    with (folder / "genome.fa").open("wb") as out:
        for name, letters in genome.items():
            out.write(f">{name}\n".encode())
            index.append(f"{name}\t{len(letters)}\t{out.tell()}\t60\t61\n")
            rows = np.full((len(letters) // 60, 61), ord("\n"), np.uint8)
            rows[:, :60] = np.frombuffer(letters, np.uint8).reshape(-1, 60)
            out.write(rows.tobytes())
    (folder / "genome.fa.fai").write_text("".join(index))


def _known_lines(known: dict[str, Sites], rng: Rng) -> Iterator[str]:
    yield (
        "##fileformat=VCFv4.2\n"
        + _CONTIG_LINES
        + '##INFO=<ID=AF,Number=A,Type=Float,Description="Allele frequency">\n'
        + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    )
    number = 1_000
    for name, sites in known.items():
        for start in range(0, len(sites.pos), _CHUNK):
            span = slice(start, start + _CHUNK)
            pos, ref, alt = sites.pos[span].tolist(), sites.ref[span], sites.alt[span]
            shares = rng.beta(0.15, 3, len(pos)).tolist()
            rows = []
            for place, a, b, share in zip(pos, ref, alt, shares, strict=True):
                number += 3
                more = ",0.001" if "," in b else ""
                rows.append(f"{name}\t{place}\trs{number}\t{a}\t{b}\t.\t.\tAF={share:.5g}{more}\n")
            yield "".join(rows)


def _picked(sites: Sites, rows: Sequence[int]) -> list[tuple[int, str, str]]:
    return [(int(sites.pos[row]), sites.ref[row], sites.alt[row]) for row in rows]


def _input_sites(
    genome: dict[str, bytes], known: dict[str, Sites], rng: Rng
) -> dict[str, list[tuple[int, str, str]]]:
    found = {}
    for name, size in CONTIGS.items():
        count = int(SITES * size / _TOTAL)
        seen = int(0.7 * count)
        rows = rng.choice(len(known[name].pos), seen, replace=False).tolist()
        new = np.setdiff1d(rng.integers(1_000, size - 1_000, 2 * count), known[name].pos)
        new = np.sort(rng.choice(new, count - seen, replace=False))
        novel = _sites(genome[name], new, rng, indels=0.10, several=0.05)
        found[name] = sorted(_picked(known[name], rows) + _picked(novel, range(len(novel.pos))))
    return found


def _write_inputs(folder: Path, inputs: dict[str, list[tuple[int, str, str]]], rng: Rng) -> None:
    lines = []
    for name, sites in inputs.items():
        depths, quals = rng.integers(8, 90, len(sites)), rng.integers(30, 5_000, len(sites))
        hets, ratios = rng.random(len(sites)).tolist(), rng.random(len(sites)).tolist()
        for (pos, ref, alt), depth, qual, het, ratio in zip(
            sites, depths.tolist(), quals.tolist(), hets, ratios, strict=True
        ):
            if "," in alt:
                counts, shares, genotype, ads = "1,1", "0.5,0.5", "1/2", f"0,{depth // 2},3"
            elif het < 0.6:
                counts, shares, genotype, ads = "1", "0.5", "0/1", f"{depth // 2},{depth // 2}"
            else:
                counts, shares, genotype, ads = "2", "1.0", "1/1", f"0,{depth}"
            lines.append(
                f"{name}\t{pos}\t.\t{ref}\t{alt}\t{qual}\tPASS\tAC={counts};AF={shares};AN=2;"
                f"DP={depth};MQ=60.0;QD={ratio * 30:.2f}\tGT:AD:DP:GQ\t"
                f"{genotype}:{ads}:{depth}:99\n"
            )
    write_bgzf(folder / "in1m.vcf.gz", [_INPUT_HEAD + "S1\n", "".join(lines)])
    few = np.sort(rng.choice(len(lines), 1_000, replace=False)).tolist()
    write_bgzf(folder / "in1k.vcf.gz", [_INPUT_HEAD + "S1\n", *(lines[row] for row in few)])
    write_bgzf(folder / "wide.vcf.gz", _wide_lines(lines, rng))


def _wide_lines(lines: list[str], rng: Rng) -> Iterator[str]:
    yield _INPUT_HEAD + "\t".join(f"S{number:04d}" for number in range(1_000)) + "\n"
    genotypes = {"0/0": 0.80, "0/1": 0.12, "1/1": 0.05, "./.": 0.03}
    cells = [f"{g}:{d}:{q}" for g in genotypes for d in (7, 18, 35) for q in (15, 60, 99)]
    weights = np.repeat(list(genotypes.values()), 9) / 9
    for row in np.sort(rng.choice(len(lines), 20_000, replace=False)).tolist():
        fixed = "\t".join(lines[row].split("\t", 8)[:8])
        picked = rng.choice(len(cells), 1_000, p=weights).tolist()
        yield f"{fixed}\tGT:DP:GQ\t" + "\t".join([cells[index] for index in picked]) + "\n"


def _clinical_lines(
    genome: dict[str, bytes],
    known: dict[str, Sites],
    inputs: dict[str, list[tuple[int, str, str]]],
    coding: dict[str, Ints],
    rng: Rng,
) -> Iterator[str]:
    yield (
        "##fileformat=VCFv4.1\n"
        + _CONTIG_LINES
        + '##INFO=<ID=CLNSIG,Number=.,Type=String,Description="Significance">\n'
        + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    )
    number = 100_000
    for name, size in CONTIGS.items():
        count = int(CLINICAL * size / _TOTAL)
        some = rng.choice(len(inputs[name]), count // 5, replace=False).tolist()
        more = rng.choice(len(known[name].pos), 2 * count // 5, replace=False).tolist()
        rest = rng.choice(coding[name], 2 * count // 5, replace=False) + 1
        mine = _sites(genome[name], np.sort(rest), rng, indels=0.10, several=0)
        rows = [inputs[name][row] for row in some] + _picked(known[name], more)
        rows += _picked(mine, range(len(mine.pos)))
        for pos, ref, alt in sorted({(p, r, a.split(",")[0]) for p, r, a in rows}):
            number += 7
            told = SIGNIFICANCES[number % len(SIGNIFICANCES)]
            yield f"{name}\t{pos}\t{number}\t{ref}\t{alt}\t.\t.\tCLNSIG={told}\n"


def _track_lines(number: int, rows: int, size: int, rng: Rng) -> Iterator[str]:
    for name, length in CONTIGS.items():
        count = int(rows * length / _TOTAL)
        starts = np.sort(rng.integers(0, length - _BED_EXTRA * size, count))
        ends = starts + np.clip(rng.exponential(size, count).astype(int), 1, _BED_EXTRA * size)
        yield "".join(
            f"{name}\t{start}\t{end}\tT{number}_{name}_{index}\t0\n"
            for index, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True))
        )
