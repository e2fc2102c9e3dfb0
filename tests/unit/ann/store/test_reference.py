from pathlib import Path

import pytest

from ann.anntools.consequence.transcript import Transcript
from ann.anntools.errors import AnnToolsError, ReferenceUnusableError
from ann.anntools.store.container import Container
from ann.anntools.store.genes import GeneReader
from ann.anntools.store.manifest import Column, Manifest, SourceInfo
from ann.anntools.store.reference import ReferenceWriter, current_release
from ann.anntools.store.sequence import SequenceReader

INFO = SourceInfo("genes", "Genes", "1", "2026-01-01", "CC0", "", "")
TRANSCRIPT = Transcript(
    transcript_id="T1",
    gene_id="G1",
    gene_name="ONE",
    biotype="protein_coding",
    contig="1",
    strand=-1,
    exons=((10_000, 10_060), (10_100, 10_133)),
    cds=(10_010, 10_120),
    sequence=b"ACGTN" * 18 + b"ACG",
    mane_select=True,
    cds_end_nf=True,
)


def build(root: Path, *, release: str = "r1") -> None:
    with ReferenceWriter(root, "GRCh38", release, {"1": 20_000}) as writer:
        sequence = writer.sequence(SourceInfo("genome", "Genome", "1", "", "", "", ""))
        sequence.add("1", [b"ACGTN", b"acgtn" * 4, b"T"])
        genes = writer.genes(INFO)
        genes.add(TRANSCRIPT)
        bands = writer.intervals(
            SourceInfo("bands", "Bands", "1", "", "", "", ""),
            [Column("CYTOBAND", ".", "String", "Band")],
        )
        bands.add("1", 0, 100, ["p1;1"])
        bands.add("1", 50, 200, ["p2"])


def test_a_transcript_comes_back_as_it_was_stored(tmp_path: Path) -> None:
    build(tmp_path)
    genes = GeneReader(current_release(tmp_path, "GRCh38") / "genes.ann")
    assert genes.transcript(0) == TRANSCRIPT
    assert genes.near("1", 5_000) == [0]
    assert genes.near("1", 4_999) == []
    assert genes.near("1", 15_132) == [0]
    assert genes.near("1", 15_133) == []
    assert genes.near("2", 5) == []


def test_a_sequence_comes_back_upper_case_with_n_where_unknown(tmp_path: Path) -> None:
    build(tmp_path)
    genome = SequenceReader(current_release(tmp_path, "GRCh38") / "genome.ann")
    assert genome.length("1") == 26
    assert genome.fetch("1", 0, 26) == b"ACGTN" * 5 + b"T"
    assert genome.fetch("1", 3, 7) == b"TNAC"
    assert genome.fetch("1", 20, 27) is None


def test_overlapping_intervals_become_breakpoints_of_value_sets(tmp_path: Path) -> None:
    build(tmp_path)
    bands = Container(current_release(tmp_path, "GRCh38") / "bands.ann")
    assert bands["1/brk"].tolist() == [0, 50, 100, 200]
    assert bands["1/set"].tolist() == [1, 2, 3, 0]
    assert bands["set/val"].tolist() == [0, 0, 1, 1]
    assert bands["val0/text"].tobytes() == b"p1%3B1p2"


def test_a_new_release_is_switched_to_and_the_old_one_stays(tmp_path: Path) -> None:
    build(tmp_path)
    old = current_release(tmp_path, "GRCh38")
    build(tmp_path, release="r2")
    assert current_release(tmp_path, "GRCh38").name == "r2"
    assert Manifest.read(old).sources[1].records == 1


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with ReferenceWriter(tmp_path, "GRCh38", "r1", {}) as writer:
            column = Column("X", ".", "String", "x")
            writer.intervals(INFO, [column]).add("1", 0, 1, ["a", "b"])

    with pytest.raises(AnnToolsError, match="2 values"):
        fail()
    assert list((tmp_path / "GRCh38").iterdir()) == []
    with pytest.raises(ReferenceUnusableError, match="build --assembly GRCh38"):
        current_release(tmp_path, "GRCh38")


def test_a_container_cut_short_is_refused(tmp_path: Path) -> None:
    build(tmp_path)
    path = current_release(tmp_path, "GRCh38") / "genes.ann"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ReferenceUnusableError, match="damaged"):
        Container(path)
