"""`bcftools csq -l` of pysam's bundled bcftools, run in a child: it holds the GIL and may crash."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ann.anntools.consequence.outcome import Effect
from tests.unit.ann.consequence.hgvs_reader import letters

CHILD = "import pysam.bcftools, sys; sys.stdout.write(pysam.bcftools.csq(*sys.argv[1:]))"

OURS_AS_CSQ = {
    "splice_acceptor_variant": "splice_acceptor",
    "splice_donor_variant": "splice_donor",
    "stop_gained": "stop_gained",
    "frameshift_variant": "frameshift",
    "stop_lost": "stop_lost",
    "start_lost": "start_lost",
    "feature_elongation": "feature_elongation",
    "disruptive_inframe_insertion": "inframe_insertion",
    "conservative_inframe_insertion": "inframe_insertion",
    "disruptive_inframe_deletion": "inframe_deletion",
    "conservative_inframe_deletion": "inframe_deletion",
    "missense_variant": "missense",
    "splice_region_variant": "splice_region",
    # Where the start still reads as Met csq says synonymous.
    "start_retained_variant": "synonymous",
    "stop_retained_variant": "stop_retained",
    "synonymous_variant": "synonymous",
    "coding_sequence_variant": "coding_sequence",
    "5_prime_UTR_variant": "5_prime_utr",
    "3_prime_UTR_variant": "3_prime_utr",
    "non_coding_transcript_exon_variant": "non_coding",
    "intron_variant": "intron",
}


@dataclass(frozen=True)
class Call:
    """One consequence of one transcript; `change` is like 5F>5C or 145L, empty without one."""

    terms: frozenset[str]
    gene: str
    transcript: str
    change: str


def write_vcf(path: Path, contig: str, length: int, rows: list[tuple[int, bytes, bytes]]) -> None:
    """A VCF of sites alone, in the order given."""
    head = (
        "##fileformat=VCFv4.2\n"
        f"##contig=<ID={contig},length={length}>\n"
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    )
    body = "".join(
        f"{contig}\t{pos}\t.\t{ref.decode()}\t{alt.decode()}\t.\t.\t.\n" for pos, ref, alt in rows
    )
    path.write_text(head + body)


def csq_calls(fasta: Path, gff: Path, vcf: Path, *, code: int = 1) -> list[list[Call]]:
    """The calls of every record, in file order."""
    arguments = ["-l", "-f", str(fasta), "-g", str(gff), "-C", str(code), "-O", "v", str(vcf)]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = []
    for line in done.stdout.splitlines():
        if not line.startswith("#"):
            told = re.search(r"(?:^|;)BCSQ=([^;]+)", line.split("\t")[7])
            found.append([parse_call(text) for text in told[1].split(",")] if told else [])
    return found


def parse_call(text: str) -> Call:
    fields = [*text.split("|"), "", "", "", "", "", ""]
    return Call(frozenset(fields[0].split("&")), fields[1], fields[2], fields[5])


def as_csq_terms(effect: Effect) -> frozenset[str]:
    """Our terms in csq's words. It names the place of a splice site only, and not its intron."""
    if not effect.transcript.model.coding:
        return frozenset({"non_coding"})
    terms = {OURS_AS_CSQ[str(term)] for term in effect.terms if str(term) in OURS_AS_CSQ}
    if terms & {"splice_acceptor", "splice_donor", "splice_region"}:
        terms.discard("intron")
    return frozenset(terms)


def as_csq_change(hgvs_p: str) -> str:
    """p. of a substitution in csq's form; the new residue is `?` where HGVS does not tell it."""
    match = re.fullmatch(r"p\.([A-Z][a-z]{2})(\d+)(=|\?|[A-Z][a-z]{2})(?:extTer.*)?", hgvs_p)
    if match is None:
        return ""
    before = letters(match[1])
    after = {"=": before, "?": "?"}.get(match[3]) or letters(match[3])
    same = f"{match[2]}{before}"
    return same if after == before else f"{same}>{match[2]}{after}"
