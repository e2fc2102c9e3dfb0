"""The optional genome: stored, checked, and used to left-align what is compiled with it."""

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from ann.anntools.assembly.contigs import LENGTHS
from ann.anntools.build.command import main
from ann.anntools.store.reference import current_release
from ann.anntools.store.sequence import SequenceReader

Ask = Callable[[Path, str, str], dict[str, str]]
URL = (
    "ftp.ensembl.org/pub/release-115/fasta/homo_sapiens/dna/"
    "Homo_sapiens.GRCh38.dna.primary_assembly.fa.gz"
)
# The shortest chromosome, unknown but for one stretch with a run of A.
LENGTH = LENGTHS["GRCh38"]["21"]
STRETCH_AT = 10_000_000
STRETCH = "GCAAAAAATG"


class Served(Protocol):
    url: str
    files: dict[str, bytes]


def fasta(length: int) -> bytes:
    line = 60
    text = bytearray(b"N" * length)
    text[STRETCH_AT : STRETCH_AT + len(STRETCH)] = STRETCH.lower().encode()
    lines = (bytes(text[at : at + line]) for at in range(0, length, line))
    head = b">KI270728.1 dna:scaffold\nACGT\n>21 dna:chromosome chromosome:GRCh38:21 REF\n"
    return gzip.compress(head + b"\n".join(lines) + b"\n>MT dna\nGATC\n", 1)


def test_a_genome_left_aligns_what_is_compiled_with_it(
    tmp_path: Path, root: Path, site: Served, ask: Ask
) -> None:
    site.files[URL] = fasta(LENGTH)
    # A deletion of one A, written at the right end of the run as a careless tool does.
    right = STRETCH_AT + STRETCH.index("T")
    (tmp_path / "own.vcf").write_text(
        "##reference=GRCh38\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        f"21\t{right - 1}\tx7\tAA\tA\t.\t.\t.\n"
    )
    catalogue = tmp_path / "own.toml"
    catalogue.write_text(
        '[[source]]\nname = "own"\nassembly = "GRCh38"\nformat = "vcf"\npath = "own.vcf"\n'
        'columns = [{ key = "OWN", from = "ID", integer = true, prefix = "x" }]\n'
    )
    options = ["--assembly", "GRCh38", "--reference", str(root), "--mirror", site.url]
    options += ["--catalogue", str(catalogue), "--threads", "1"]
    assert main([*options, "--only", "own,genome"]) == 0
    genome = SequenceReader(current_release(root, "GRCh38") / "genome.ann")
    assert genome.length("21") == LENGTH
    assert genome.fetch("21", STRETCH_AT - 1, STRETCH_AT + 4) == b"NGCAA"
    # The mitochondrion is there too, and is the bundled one, whatever the file says.
    assert genome.length("MT") == 16_569
    assert "p.Arg340His" in ask(root, "GRCh38", "MT 11778 G A")["ANN"]
    left = STRETCH_AT + STRETCH.index("C") + 1
    assert ask(root, "GRCh38", f"21 {left} CA C")["OWN"] == "x7"
    assert ask(root, "GRCh38", f"21 {left + 3} AAA AA")["OWN"] == "x7"


def test_a_genome_of_another_length_is_refused(
    root: Path, site: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    site.files[URL] = fasta(LENGTH - 1)
    options = ["--assembly", "GRCh38", "--reference", str(root), "--mirror", site.url]
    assert main([*options, "--only", "genome", "--threads", "1"]) == 3
    assert f"contig 21 has {LENGTH - 1} bases and {LENGTH} in GRCh38" in capsys.readouterr().err
    assert not (root / "GRCh38" / "current").exists()


def test_too_little_room_to_compile_is_told_before(
    root: Path,
    site: Served,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = ["--assembly", "GRCh38", "--reference", str(root), "--mirror", site.url]
    options += ["--only", "cytoBand", "--threads", "1"]
    assert main(options) == 0
    usage = shutil.disk_usage(root)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=5_000_000))
    assert main(options) == 4
    assert "compiling needs about" in capsys.readouterr().err
