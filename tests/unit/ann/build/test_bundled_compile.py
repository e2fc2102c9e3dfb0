import json
import multiprocessing
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ann.anntools.build import bundled, sources, verify
from ann.anntools.errors import ReferenceUnusableError
from ann.anntools.store.genes import GeneReader
from ann.anntools.store.reference import CURRENT, current_release
from ann.anntools.store.sequence import SequenceReader

Ask = Callable[[Path, str, str], dict[str, str]]


@pytest.mark.parametrize(
    ("assembly", "variant", "gene", "band"),
    [
        ("GRCh37", "17 41200000 A C", "BRCA1", "17q21.31"),
        ("GRCh38", "17 43100000 A C", "BRCA1", "17q21.31"),
        ("GRCh38", "11 5227002 T C", "HBB", "11p15.4"),
    ],
)
def test_a_place_has_its_gene_and_band(
    bundled_reference: Path, ask: Ask, assembly: str, variant: str, gene: str, band: str
) -> None:
    found = ask(bundled_reference, assembly, variant)
    assert gene in found["GENE"].split(",")
    assert found["cytoBand"] == band


def test_the_mitochondrion_serves_both_assemblies(bundled_reference: Path, ask: Ask) -> None:
    for assembly in ("GRCh37", "GRCh38"):
        release = current_release(bundled_reference, assembly)
        sequence = SequenceReader(release / "rCRS.ann")
        assert sequence.fetch("MT", 11_777, 11_778) == b"G"
        genes = GeneReader(release / "transcripts.ann")
        names = {genes.transcript(number).gene_name for number in genes.near("MT", 11_777)}
        assert {"MT-ND4", "MT-ND5", "MT-CYB"} <= names
        found = ask(bundled_reference, assembly, "MT 11778 G A")
        assert (found["GENE"], found["HGNC"]) == ("MT-ND4", "HGNC:7459")
        assert "ENST00000361381" in found["ANN"]
        assert "p.Arg340His" in found["ANN"]


def test_clinvar_is_found_by_allele(bundled_reference: Path, ask: Ask) -> None:
    found = ask(bundled_reference, "GRCh38", "11 5227002 T A")
    assert (found["ID"], found["CLNVID"], found["CLNSIG"]) == ("rs334", "15333", "Pathogenic")
    assert "CLNSIG" not in ask(bundled_reference, "GRCh38", "11 5227002 T C")
    # F508del written with a base more on either side.
    found = ask(bundled_reference, "GRCh38", "7 117559589 TATCTT TAT")
    assert found["ID"] == "rs113993960"


def test_the_manifest_tells_where_every_source_is_from(bundled_reference: Path) -> None:
    facts = sources.describe(bundled_reference)
    assert {(fact.assembly, fact.name) for fact in facts} == {
        *((assembly, name) for assembly in ("GRCh37", "GRCh38") for name in ("rCRS", "genes")),
        *(("GRCh37", name) for name in ("transcripts", "cytoBand")),
        *(("GRCh38", name) for name in ("transcripts", "cytoBand", "mane", "clinvar")),
    }
    for fact in facts:
        assert fact.licence
        assert fact.release
        assert fact.retrieved_at
        assert fact.records
        assert fact.url.startswith("pkg:")
        assert all(len(digest) == 64 for digest in fact.sha256.split())


def test_sources_prints_json_and_a_table(
    bundled_reference: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sources.main(["--reference", str(bundled_reference), "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    clinvar = next(entry for entry in entries if entry["name"] == "clinvar")
    assert clinvar["records"] == 72_582
    assert clinvar["keys"] == ["ID", "CLNVID", "CLNSIG", "CLNREVSTAT", "CLNDN"]
    assert sources.main(["--reference", str(bundled_reference)]) == 0
    table = capsys.readouterr().out.splitlines()
    assert len(table) == 2 + 3 * len(entries)
    assert (
        "  clinvar: ClinVar (likely) pathogenic, 72,582 records -> ID CLNVID CLNSIG "
        in "\n".join(table)
    )


def test_a_whole_reference_verifies(
    bundled_reference: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify.main(["--reference", str(bundled_reference)]) == 0
    assert capsys.readouterr().out.count(": whole,") == 2


@pytest.mark.parametrize("harm", ["flip", "cut", "remove", "manifest", "link"])
def test_damage_is_found_and_named(
    bundled_reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], harm: str
) -> None:
    shutil.copytree(bundled_reference / "GRCh37", tmp_path / "GRCh37", symlinks=True)
    release = current_release(tmp_path, "GRCh37")
    path = release / "genes.ann"
    data = path.read_bytes()
    if harm == "flip":
        middle = len(data) // 2
        path.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
    elif harm == "cut":
        path.write_bytes(data[:-100])
    elif harm == "remove":
        path.unlink()
    elif harm == "manifest":
        (release / "manifest.json").write_text("{}")
    else:
        (release / "SHA256SUMS").unlink()
    assert verify.main(["--reference", str(tmp_path)]) == 4
    told = capsys.readouterr().out
    assert "GRCh37" in told
    assert "damaged" in told
    if harm in {"flip", "cut", "remove"}:
        assert "genes.ann" in told


def test_verify_says_what_to_do_where_there_is_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify.main(["--reference", str(tmp_path)]) == 4
    assert "build --assembly" in capsys.readouterr().err


def test_a_second_use_does_not_compile_again(bundled_reference: Path) -> None:
    before = (current_release(bundled_reference, "GRCh37") / "genes.ann").stat().st_mtime_ns
    bundled.ensure(bundled_reference, "GRCh37")
    after = (current_release(bundled_reference, "GRCh37") / "genes.ann").stat().st_mtime_ns
    assert before == after


def test_two_processes_may_compile_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=bundled.ensure, args=(tmp_path, "GRCh37")) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    assert verify.check(tmp_path, "GRCh37").problems == ()
    assert {path.name for path in (tmp_path / "GRCh37").iterdir()} == {
        CURRENT,
        bundled.release_id(),
    }


def test_an_older_bundle_makes_way_and_a_built_reference_does_not(
    bundled_reference: Path, tmp_path: Path
) -> None:
    home = tmp_path / "GRCh37"
    shutil.copytree(bundled_reference / "GRCh37" / bundled.release_id(), home / "bundled-older")
    (home / CURRENT).symlink_to("bundled-older")
    assert bundled.ensure(tmp_path, "GRCh37").name == bundled.release_id()
    (home / "bundled-older").rename(home / "ensembl-115")
    (home / CURRENT).unlink()
    (home / CURRENT).symlink_to("ensembl-115")
    assert bundled.ensure(tmp_path, "GRCh37").name == "ensembl-115"


def test_an_assembly_without_bundle_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ReferenceUnusableError, match=r"NCBI36.*GRCh37, GRCh38"):
        bundled.compile_bundle(tmp_path, "NCBI36")
