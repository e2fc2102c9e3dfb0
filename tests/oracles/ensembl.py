"""Transcripts from small Ensembl-style GFF3 and FASTA files: only what the oracles read."""

import gzip
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from ann.anntools.consequence.transcript import Transcript
from tests.unit.ann.consequence.worlds import with_sequence

NOT_TRANSCRIPTS = {"exon", "CDS", "five_prime_UTR", "three_prime_UTR", "chromosome", "region"}


def sequences(path: Path) -> dict[str, bytes]:
    """Contig name to bases in capitals."""
    parts: dict[str, list[bytes]] = {}
    for line in path.read_bytes().splitlines():
        if line.startswith(b">"):
            current = parts.setdefault(line[1:].split()[0].decode(), [])
        else:
            current.append(line.strip().upper())
    return {name: b"".join(lines) for name, lines in parts.items()}


def _rows(path: Path) -> Iterator[tuple[str, str, int, int, str, str, dict[str, str]]]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt") as lines:
        for line in lines:
            if line.startswith("#") or not line.strip():
                continue
            columns = line.rstrip("\n").split("\t")
            contig, _, kind, start, end, _, strand, phase, fields = columns[:9]
            pairs = dict(field.split("=", 1) for field in fields.split(";") if "=" in field)
            yield contig, kind, int(start) - 1, int(end), strand, phase, pairs


def transcripts(gff: Path, contigs: dict[str, bytes], *, code: int = 1) -> list[Transcript]:
    """Every transcript of a GFF3 whose model holds together, with its spliced sequence."""
    genes: dict[str, dict[str, str]] = {}
    heads: dict[str, tuple[str, str, dict[str, str]]] = {}
    exons: dict[str, list[tuple[int, int]]] = defaultdict(list)
    coding: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for contig, kind, start, end, strand, phase, fields in _rows(gff):
        parent = fields.get("Parent", "")
        if kind == "exon":
            exons[parent].append((start, end))
        elif kind == "CDS":
            coding[parent].append((start, end, phase))
        elif parent and "ID" in fields and kind not in NOT_TRANSCRIPTS:
            heads[fields["ID"]] = (contig, strand, fields)
        elif "ID" in fields:
            genes[fields["ID"]] = fields
    found = []
    for identifier, (contig, strand, fields) in heads.items():
        parts = sorted(coding.get(identifier, []))
        phase = parts[0 if strand == "+" else -1][2] if parts else "0"
        gene = genes.get(fields["Parent"], {})
        start_phase = int(phase) if phase.isdigit() else 0
        made = Transcript(
            transcript_id=identifier.removeprefix("transcript:"),
            gene_id=fields["Parent"].removeprefix("gene:"),
            gene_name=gene.get("Name", ""),
            biotype=fields.get("biotype", ""),
            contig=contig,
            strand=1 if strand == "+" else -1,
            # Some slices tell only the coding part of a transcript.
            exons=tuple(sorted(exons[identifier] or [part[:2] for part in parts])),
            cds=(parts[0][0], parts[-1][1]) if parts else None,
            cds_phase=start_phase,
            genetic_code=code,
        )
        try:
            complete = with_sequence(contigs[contig], made)
            _ = complete.model
        except (KeyError, ValueError):
            continue
        found.append(complete)
    return found
