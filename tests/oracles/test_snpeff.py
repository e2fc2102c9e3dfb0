"""Every substitution of a made-up contig against Debian's snpEff 5.1, which also writes ANN."""

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from ann.anntools.consequence.codon import STOP, genetic_code
from ann.anntools.consequence.effect import annotate_allele
from ann.anntools.consequence.outcome import Effect
from ann.anntools.consequence.region import EXON_REGION
from ann.anntools.consequence.so import Term
from tests.oracles.csq import write_vcf
from tests.unit.ann.consequence.worlds import World, random_world, seeded

pytestmark = [pytest.mark.full, pytest.mark.debian]

JAR = Path("/usr/share/java/snpeff.jar")
FINER = {Term.SPLICE_DONOR_5TH_BASE, Term.SPLICE_DONOR_REGION, Term.SPLICE_POLYPYRIMIDINE_TRACT}
UNEXPLAINED = "unexplained"


@pytest.fixture
def snpeff(tmp_path: Path) -> Path:
    """A folder with an empty snpEff configuration, or a skip that says why."""
    if not JAR.exists() or shutil.which("java") is None:
        pytest.skip("Debian's snpeff is not installed here")
    code = genetic_code(1).amino_acid
    codons = ", ".join(
        f"{codon.decode()}/{letter}{'+' if codon in (b'ATG', b'CTG', b'TTG') else ''}"
        for codon, letter in code.items()
    )
    assert codons.count(f"/{STOP}") == 3
    (tmp_path / "snpEff.config").write_text(
        f"data.dir = {tmp_path}/data\ncodon.Standard : {codons}\nw.genome : w\n"
    )
    (tmp_path / "data" / "w").mkdir(parents=True)
    return tmp_path


def run(folder: Path, *arguments: str) -> str:
    command = ["java", "-Xmx1g", "-jar", str(JAR), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def annotated(folder: Path, world: World, rows: list[tuple[int, bytes, bytes]]) -> list[str]:
    """The ANN value of each row."""
    data = folder / "data" / "w"
    world.write(data)
    (data / "genome.fa").rename(data / "sequences.fa")
    genes = (data / "genes.gff3").read_text()
    # snpEff 5.1 looks exons up by the bare name of their transcript.
    (data / "genes.gff").write_text(re.sub(r"(transcript|gene|CDS):", "", genes))
    write_vcf(folder / "in.vcf", world.contig, len(world.sequence), rows)
    options = ("-c", "snpEff.config", "-noLog")
    run(folder, "build", "-gff3", *options, "-noCheckCds", "-noCheckProtein", "w")
    told = run(folder, "ann", *options, "-noStats", "-ud", "50", "w", "in.vcf")
    lines = [line for line in told.splitlines() if not line.startswith("#")]
    return [line.split("ANN=")[1].split(";")[0] for line in lines]


def test_substitutions_agree_with_snpeff_but_for_stated_rules(
    snpeff: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = random_world(seeded(21), 20)
    rows = [
        (at + 1, world.sequence[at : at + 1], bytes([base]))
        for at in range(len(world.sequence))
        for base in b"ACGT"
        if base != world.sequence[at]
    ]
    values = annotated(snpeff, world, rows)
    reasons: Counter[str] = Counter()
    for (pos, ref, alt), value in zip(rows, values, strict=True):
        entries = {fields[6]: fields for fields in (one.split("|") for one in value.split(","))}
        for transcript in world.transcripts:
            if not transcript.start < pos <= transcript.end:
                continue
            effect = annotate_allele(transcript, pos, ref, alt, world.genome)
            fields = entries[transcript.transcript_id]
            assert fields[8:10] == [effect.rank, effect.hgvs_c]
            # snpEff does not count where an extension ends.
            assert as_ours(fields[10]) == re.sub(r"extTer\d+$", "extTer?", effect.hgvs_p)
            reason = why(effect, set(fields[1].split("&")))
            assert reason != UNEXPLAINED, (effect, fields)
            reasons[reason] += 1
            if effect.cds_pos is not None:
                assert fields[12] == f"{effect.cds_pos}/{effect.cds_len}"
                assert fields[13] == f"{effect.aa_pos}/{effect.aa_len}"
    with capsys.disabled():
        print(f"\nsnpEff, {len(rows)} substitutions, HGVS and ranks all equal; classes:")
        for reason, count in reasons.most_common():
            print(f"  {count:6d} {reason}")
    assert reasons["equal"] > 0.97 * sum(reasons.values())


def as_ours(hgvs_p: str) -> str:
    """snpEff writes * for Ter, and a silent change as p.Lys2Lys."""
    text = hgvs_p.replace("*", "Ter")
    silent = re.fullmatch(r"p\.([A-Z][a-z]{2})(\d+)\1", text)
    return f"p.{silent[1]}{silent[2]}=" if silent else text


def why(effect: Effect, theirs: set[str]) -> str:
    """The rule behind a difference in class."""
    ours = {str(term) for term in effect.terms if term not in FINER}
    model = effect.transcript.model
    region = "splice_region_variant"
    at_end = effect.t is not None and (
        effect.t < EXON_REGION or effect.t >= model.length - EXON_REGION
    )
    reasons = {
        "equal": ours == theirs,
        "a splice region at an exon's end in a UTR too (SO:0001630)": ours - {region} == theirs,
        "no splice region at the transcript's own ends (SO:0001630)": ours == theirs - {region}
        and at_end,
        "CTG and TTG do not keep a start (decision 122)": Term.START_LOST in effect.terms
        and "initiator_codon_variant" in theirs,
    }
    return next((reason for reason, holds in reasons.items() if holds), UNEXPLAINED)
