"""Finding out from the header, never assuming, which assembly a file's positions are on."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ann.anntools.assembly.contigs import LENGTHS, RCRS_LENGTH, REFSEQ, canonical, is_mitochondrial
from ann.anntools.errors import InputError

ASSEMBLIES = ("NCBI36", "GRCh37", "GRCh38", "rCRS")
UNKNOWN_HINT = (
    "Say which one it is: choose the assembly on the form, or give --assembly NCBI36, GRCh37, "
    "GRCh38 or rCRS."
)
_WORDS: tuple[tuple[str, str], ...] = (
    ("NCBI36", r"ncbi_?(?:build_?)?36|\bb36\b|human_b36|hg18|build_?36"),
    (
        "GRCh37",
        r"grch_?37|hg19|\bb37\b|human_b37|g1k_v37|hs37d5|ncbi_?(?:build_?)?37|build_?37",
    ),
    ("GRCh38", r"grch_?38|hg38|\bb38\b|hs38|ncbi_?(?:build_?)?38|build_?38"),
    ("rCRS", r"\brcrs\b|nc_012920"),
)
_PATTERNS = tuple((name, re.compile(words, re.IGNORECASE)) for name, words in _WORDS)
# Lines of other tools name the reference of databases and of commands, not that of the positions.
_TELLING = re.compile(
    r"^##(?:reference|assembly|genome|build|contig|ref|referenceGenome|genome_build|dbSNP_BUILD)\b",
    re.IGNORECASE,
)

_REFERENCE_FILE = re.compile(r"(?:reference\w*[= ]|-R |--ref\w* )(\S+)|(\S+\.(?:fasta|fa)\b)")


@dataclass(frozen=True, slots=True)
class Detected:
    """The assembly of a file and what told it, in words for the log."""

    assembly: str
    evidence: str


def _from_lengths(lengths: Mapping[str, int]) -> Counter[str]:
    votes: Counter[str] = Counter()
    for name, length in lengths.items():
        known = canonical(name)
        for assembly, table in LENGTHS.items():
            if known is not None and known != "MT" and table.get(known) == length:
                votes[assembly] += 1
    return votes


def _from_words(lines: Iterable[str]) -> Counter[str]:
    votes: Counter[str] = Counter()
    for line in lines:
        for name, pattern in _PATTERNS:
            if pattern.search(line):
                votes[name] += 1
    return votes


def _winner(votes: Counter[str], what: str) -> Detected | None:
    nuclear = {name: count for name, count in votes.items() if name != "rCRS"}
    if not nuclear:
        return Detected("rCRS", what) if votes else None
    best = max(nuclear.values())
    first = [name for name, count in nuclear.items() if count == best]
    if len(first) > 1:
        raise InputError(
            "assembly-ambiguous",
            f"the {what} speak for {' and '.join(sorted(first))} alike",
            hint=UNKNOWN_HINT,
        )
    return Detected(first[0], what)


def detect(meta: Iterable[str], lengths: Mapping[str, int], contigs: Iterable[str]) -> Detected:
    """The assembly that the header's ## lines, its contig lengths and the contig names tell.

    Raises InputError `assembly-unknown` or `assembly-ambiguous`.
    """
    lines = list(meta)
    contigs = list(contigs)
    found = _winner(_from_lengths(lengths), "contig lengths")
    found = found or _winner(_from_words(x for x in lines if _TELLING.match(x)), "reference lines")
    # Callers write their command into the header, the file of the reference in it.
    files = [match[0] for line in lines for match in _REFERENCE_FILE.finditer(line)]
    found = found or _winner(_from_words(files), "reference file of a command")
    accessions = Counter(REFSEQ[name][1] for name in {*contigs, *lengths} if name in REFSEQ)
    found = found or _winner(accessions, "contig accessions")
    if found:
        return found
    only_mitochondrial = bool(contigs) and all(map(is_mitochondrial, contigs))
    if only_mitochondrial and RCRS_LENGTH in {
        length for name, length in lengths.items() if is_mitochondrial(name)
    }:
        return Detected("rCRS", "length of the mitochondrion")
    raise InputError(
        "assembly-unknown",
        "nothing in the header says which assembly the positions are on",
        hint=UNKNOWN_HINT,
    )


def serves_mitochondrion(assembly: str, name: str, length: int | None, words: str) -> bool:
    """Whether a mitochondrial contig is the revised Cambridge sequence.

    UCSC's hg19 chrM (16,571 bases) and NCBI36's are another sequence: positions differ.
    """
    if length is not None:
        return length == RCRS_LENGTH
    if assembly in {"rCRS", "GRCh38"}:
        return True
    return assembly == "GRCh37" and name.upper() in {"MT", "NC_012920.1"} and "hg19" not in words
