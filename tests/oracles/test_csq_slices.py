"""The expected values that bcftools keeps beside its csq tests (real genes, GRCh37/38 slices)."""

from collections import Counter, defaultdict
from pathlib import Path

import pytest

from ann.anntools.consequence.effect import annotate_allele
from ann.anntools.consequence.outcome import Effect
from ann.anntools.consequence.transcript import Transcript
from tests.oracles.csq import Call, as_csq_change, as_csq_terms, parse_call
from tests.oracles.ensembl import sequences, transcripts
from tests.support.data import data_file

pytestmark = [pytest.mark.full, pytest.mark.data]

# Said elsewhere in ANN: how the length changes by the in-frame terms, NMD by the biotype.
SAID_ELSEWHERE = {"feature_elongation", "feature_truncation", "NMD_transcript"}
PLACE = "decision 120: one place for an indel in a repeat, csq takes the record's"
BORDER = "an insertion on an exon's border is the exon's (decision 120)"
START = "beside a lost or kept start no other term is given (coding.py)"
# Folder, position: why we do not say what bcftools expects.
EXPLAINED = {
    ("ENST00000218032", 107): START,
    ("ENST00000368801", 11191): START,
    ("ENST00000368801.2", 11191): START,
    ("ENST00000375992", 6453): START,
    ("EDUMMY0002", 11): START,
    ("EMN908947", 13468): "a CDS that reads a base twice (ribosomal slippage) is not modelled",
    ("ENST00000341065", 19026): PLACE,
    ("ENST00000227471", 6609): BORDER,
    ("ENST00000545279", 44572): BORDER,
    ("ENST00000341065", 16427): PLACE,
    ("ENST00000382647", 1443): PLACE,
    ("ENST00000423372", 2723): PLACE,
    ("ENST00000624631", 547): PLACE,
    ("ENST00000263103-INS", 315772): "a DEL with END is read base by base (decision 121)",
    (
        "ENST00000409523",
        18990,
    ): "no protein is predicted over an exon/intron border (structural.py)",
    ("ENST00000420670", 44688): "csq does not see a start codon that is the whole CDS there is",
    ("ENST00000528237", 14714): "SO:0001567 wants a stop codon before: R to Ter is stop_gained",
    ("ENST00000573314", 32388): "written beyond the transcript: the record decides (decision 120)",
}


def test_the_expected_values_of_the_csq_slices(capsys: pytest.CaptureFixture[str]) -> None:
    counts: Counter[str] = Counter()
    unexplained = []
    for folder in sorted(data_file("bcftools/test/csq").iterdir()):
        contigs = sequences(next(folder.glob("*.fa")))
        known = transcripts(next(folder.glob("*.gff*")), contigs)
        for vcf in sorted(folder.glob("*.vcf")):
            for record in _records(vcf):
                verdict, told = _judge(folder.name, record, known, contigs)
                counts[verdict] += 1
                if verdict == "unexplained":
                    unexplained.append((folder.name, vcf.name, record[:4], told))
    with capsys.disabled():
        print(f"\nbcftools csq slices: {dict(counts.most_common())}")
    assert not unexplained, unexplained
    assert counts["equal"] >= 75


def _records(vcf: Path) -> list[tuple[str, int, str, str, dict[str, str]]]:
    found = []
    for line in vcf.read_text().splitlines():
        fields = line.split("\t")
        if line.startswith("#") or len(fields) < 8:
            continue
        info = dict(pair.split("=", 1) for pair in fields[7].split(";") if "=" in pair)
        found += [(fields[0], int(fields[1]), fields[3], alt, info) for alt in fields[4].split(",")]
    return found


def _judge(
    folder: str,
    record: tuple[str, int, str, str, dict[str, str]],
    known: list[Transcript],
    contigs: dict[str, bytes],
) -> tuple[str, object]:
    contig, pos, ref, alt, info = record
    # EXPL is what `csq -l` gives, EXP what the haplotype-aware mode does.
    expected = info.get("EXPL") or info.get("EXP")
    if expected is None or expected.startswith("@"):
        return "nothing expected", None
    if "+" in expected.replace("|+|", ""):
        return "several records together", None
    bases = contigs[contig]

    def genome(start: int, end: int) -> bytes | None:
        return bases[start:end] if 0 <= start <= end <= len(bases) else None

    end = int(info["END"]) if "END" in info else None
    here = [transcript for transcript in known if transcript.contig == contig]
    effects = [annotate_allele(t, pos, ref.encode(), alt.encode(), genome, end) for t in here]
    if expected == ".":
        severe = [effect for effect in effects if effect.impact in ("HIGH", "MODERATE")]
        return ("unexplained", severe) if severe else ("equal", None)
    wanted: dict[str, list[Call]] = defaultdict(list)
    for text in expected.split(","):
        call = parse_call(text)
        wanted[call.transcript or call.gene].append(call)
    for name, calls in wanted.items():
        mine = [e for e in effects if name in (e.transcript.transcript_id, e.transcript.gene_name)]
        substitution = len(ref) == len(alt) == 1
        if not any(_equal(effect, calls, substitution=substitution) for effect in mine):
            if (folder, pos) in EXPLAINED:
                return "explained", None
            return "unexplained", (calls, [effect[1:4] for effect in mine])
    return "equal", None


def _equal(effect: Effect, calls: list[Call], *, substitution: bool) -> bool:
    terms = frozenset().union(*(call.terms for call in calls)) - SAID_ELSEWHERE
    if as_csq_terms(effect) - SAID_ELSEWHERE != terms:
        return False
    ours = as_csq_change(effect.hgvs_p)
    theirs = next((call.change for call in calls if call.change), "")
    if not substitution or ours.endswith("?"):
        return True
    return ours == theirs
