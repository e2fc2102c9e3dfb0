"""HGVS of substitutions, insertions, deletions and replacements against mehari (0.48, MIT).

MEHARI_PYTHON names an interpreter that has it: a virtual environment of its own with Python >= 3.12
and `pip install mehari==0.48.0`, run as a child and never a dependency.
"""

import json
import os
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from ann.anntools.consequence.effect import annotate_allele
from ann.anntools.consequence.outcome import Effect
from ann.anntools.consequence.so import Term
from tests.oracles.test_csq_synthetic import movable
from tests.unit.ann.consequence.hgvs_reader import genomic_numbers
from tests.unit.ann.consequence.worlds import World, random_allele, random_world, seeded

pytestmark = pytest.mark.full

CHILD = Path(__file__).with_name("mehari_child.py")
UNEXPLAINED = "unexplained"


@pytest.fixture
def interpreter() -> str:
    found = os.environ.get("MEHARI_PYTHON")  # noqa: TID251 - a setting of the tests, not the service
    if not found:
        pytest.skip("MEHARI_PYTHON does not name a Python >= 3.12 with mehari installed")
    return found


@pytest.mark.parametrize(("seed", "letters"), [(31, b"ACGT"), (32, b"AGT"), (33, b"AC")])
def test_hgvs_is_meharis_but_for_stated_rules(
    tmp_path: Path,
    interpreter: str,
    capsys: pytest.CaptureFixture[str],
    seed: int,
    letters: bytes,
) -> None:
    rng = seeded(seed)
    world = random_world(rng, 60, letters=letters)
    world.write(tmp_path)
    # mehari wants versioned names in the FASTA.
    fasta = (tmp_path / "transcripts.fa").read_text()
    (tmp_path / "transcripts.fa").write_text(re.sub(r"^(>.*)$", r"\1.1", fasta, flags=re.MULTILINE))
    cases = []
    for transcript in world.transcripts:
        for _ in range(150 if transcript.end - transcript.start > 100 else 0):
            at = rng.randrange(transcript.start + 30, transcript.end - 60)
            pos, ref, alt = random_allele(rng, world.sequence, at)
            if ref != alt:
                cases.append((transcript, pos, ref, alt))
    (tmp_path / "variants.tsv").write_text(
        "".join(f"1\t{pos}\t{ref.decode()}\t{alt.decode()}\n" for _, pos, ref, alt in cases)
    )
    subprocess.run(
        [interpreter, str(CHILD), str(tmp_path)], check=True, capture_output=True, timeout=250
    )
    answers = json.loads((tmp_path / "answers.json").read_text())
    reasons: Counter[str] = Counter()
    for (transcript, pos, ref, alt), told in zip(cases, answers, strict=True):
        effect = annotate_allele(transcript, pos, ref, alt, world.genome)
        for name, on_dna, on_protein in told:
            if name.split(".")[0] == transcript.transcript_id:
                kind = "substitution" if len(ref) == len(alt) == 1 else "indel"
                dna = on_dna.split(":")[-1]
                protein = re.sub(r"[()]", "", on_protein.split(":")[-1])
                for part, reason in (
                    ("c.", why_dna(effect, dna)),
                    ("p.", why_protein(world, (pos, ref, alt), effect, protein)),
                ):
                    assert reason != UNEXPLAINED, (pos, ref, alt, effect[1:4], dna, protein)
                    reasons[f"{kind} {part} {reason}"] += 1
    with capsys.disabled():
        print(f"\nmehari, {len(cases)} alleles of letters {letters.decode()}:")
        for reason, count in sorted(reasons.items()):
            print(f"  {count:6d} {reason}")


def why_dna(effect: Effect, theirs: str) -> str:
    if effect.hgvs_c == theirs:
        return "equal"
    numbers = genomic_numbers(effect.transcript)
    named = re.findall(r"[*-]?\d+(?:[+-]\d+)?", re.split("delins|ins", theirs)[0])
    if any(number not in numbers for number in named):
        # Either beyond the transcript, which HGVS does not describe, or the middle base of an odd
        # intron: HGVS counts it from the upstream exon, mehari on the reverse strand does not.
        middle = effect.transcript.strand == -1 and re.search(r"\d-\d", theirs)
        return "odd intron, middle" if middle else "beyond the transcript"
    return "beyond the transcript" if not effect.hgvs_c else UNEXPLAINED


def why_protein(world: World, allele: tuple[int, bytes, bytes], effect: Effect, theirs: str) -> str:
    """The rule behind a difference; mehari says p.? wherever the coding sequence is untouched."""
    ours = effect.hgvs_p
    if ours == theirs or (theirs in ("p.?", "") and ours in ("p.?", "")):
        return "equal"
    indel = 1 in (len(allele[1]), len(allele[2])) and allele[1][:1] == allele[2][:1]
    no_protein = theirs in ("p.?", "")
    reasons = {
        "every unchanged residue is named, mehari names the first": ours.endswith("=")
        and theirs.endswith("="),
        "a kept or lost start codon is said": ours in ("p.Met1=", "p.Met1?"),
        "read in the exon, mehari takes the record's place (decision 120)": no_protein
        and indel
        and (movable(world, allele) or Term.SPLICE_REGION in effect.terms),
        "a stop in inserted bases ends an insertion (protein/insertion)": "Ter" in ours
        and Term.STOP_GAINED in effect.terms,
        "a change into the stop codon is a frameshift or extension (protein/deletion)": bool(
            {Term.STOP_LOST, Term.STOP_RETAINED} & set(effect.terms)
        ),
        "no protein is predicted over a border (structural.py)": ours == "p.?"
        and bool({Term.SPLICE_DONOR, Term.SPLICE_ACCEPTOR} & set(effect.terms)),
        "an insertion on an exon's border is the exon's (decision 120)": indel
        and Term.SPLICE_REGION in effect.terms,
    }
    return next((reason for reason, holds in reasons.items() if holds), UNEXPLAINED)
