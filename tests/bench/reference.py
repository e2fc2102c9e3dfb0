"""How fast references are compiled, how large they are, and what a look-up reads of a huge one."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from isal import igzip

from ann.anntools.assembly.contigs import LENGTHS
from ann.anntools.build import bundled
from tests.bench.known_variants import write_known_variants
from tests.bench.measure import Measure

BENCH = Path(".bench") / "reference"
ROOT = Path(__file__).parents[2]
# The common workload: four contigs of 150 megabases with 8 million records.
WORKLOAD = {"1": 60_000_000, "2": 45_000_000, "3": 30_000_000, "X": 15_000_000}
CATALOGUE = """
[[source]]
name = "dbsnp"
assembly = "GRCh38"
format = "vcf"
path = "{name}"
columns = [
  {{ key = "ID", from = "ID", prefix = "rs", integer = true, description = "dbSNP id" }},
  {{ key = "GMAF", from = "INFO/AF", type = "Float", digits = 3, description = "frequency" }},
]
"""
_ASKED = 1000
# Run in a process of its own, so that what it reads and how much it holds can be told.
_BUILD = """
import json, resource, sys, time
from pathlib import Path
from ann.anntools.build.command import main
from ann.anntools.build import bundled
root = Path(sys.argv[1])
bundled.compile_bundle(root, "GRCh38", switch=False)
began = time.perf_counter()
code = main(["--assembly", "GRCh38", "--reference", str(root), "--catalogue", sys.argv[2],
             "--only", "dbsnp", "--threads", "2"])
peak = [resource.getrusage(who).ru_maxrss / 1024
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps([code, time.perf_counter() - began, *peak]))
"""
_ANNOTATE = """
import json, sys
from pathlib import Path
from ann.anntools.engine import annotate
def read():
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("read_bytes")))
before = read()
summary = annotate(Path(sys.argv[2]), Path(sys.argv[3]), assembly="GRCh38",
                   reference=Path(sys.argv[1]), tables=False)
print(json.dumps([summary.counts.annotated["dbsnp"], (read() - before) / 1e6]))
"""


def measure(only: str) -> Iterator[Measure]:
    """Every figure whose part begins with `only`; the hundred million only when asked for."""
    parts: dict[str, Callable[[], Iterator[Measure]]] = {
        "reference.bundle": _bundle,
        "reference.dbsnp8m": lambda: _dbsnp("reference.dbsnp8m", 8_000_000, WORKLOAD),
    }
    whole = {name: length for name, length in LENGTHS["GRCh38"].items() if name != "MT"}
    if only.startswith("reference.100m"):
        parts = {"reference.100m": lambda: _dbsnp("reference.100m", 100_000_000, whole)}
    for name, part in parts.items():
        if name.startswith(only) or only.startswith(name):
            yield from part()


def _bundle() -> Iterator[Measure]:
    root = BENCH / f"bundle-{os.getpid()}"
    began = time.perf_counter()
    for assembly in bundled.ASSEMBLIES:
        bundled.compile_bundle(root, assembly)
    took = time.perf_counter() - began
    yield Measure(name="reference.bundle.compile_s", value=took, unit="s", better="lower")


def _dbsnp(name: str, records: int, contigs: Mapping[str, int]) -> Iterator[Measure]:
    folder = BENCH / name
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "known.vcf.gz"
    if not source.exists():
        new = folder / "known.new"
        write_known_variants(new, contigs, records)
        new.replace(source)
    catalogue = folder / "catalogue.toml"
    catalogue.write_text(CATALOGUE.format(name=source.name))
    root = folder / f"reference-{os.getpid()}"
    code, took, peak, workers = _child(_BUILD, str(root), str(catalogue))
    if code:
        raise RuntimeError(f"the build ended with {code}")
    compiled = (root / "GRCh38" / "current" / "dbsnp.ann").resolve()
    manifest = json.loads(compiled.with_name("manifest.json").read_text())
    rows = next(x["records"] for x in manifest["sources"] if x["info"]["name"] == "dbsnp")
    # The child that reads and packs and the two that make rows, at most at once.
    total = peak + 2 * workers
    yield Measure(name=f"{name}.compile_s", value=took, unit="s", better="lower")
    yield Measure(name=f"{name}.peak_mb", value=total, unit="MB", better="lower")
    size = compiled.stat().st_size / rows
    yield Measure(name=f"{name}.bytes_per_record", value=size, unit="B", better="lower")
    yield from _cold(name, folder, root, compiled, records)


def _cold(name: str, folder: Path, root: Path, compiled: Path, records: int) -> Iterator[Measure]:
    """What annotating a thousand variants reads of the disk.

    First with nothing of the reference in the page cache, then with only the known variants gone:
    the other sources are small and stay there once they have been used.
    """
    asked = folder / "asked.vcf"
    _pick(folder / "known.vcf.gz", asked, records)
    for label, paths in (("", list(compiled.parent.iterdir())), ("_known", [compiled])):
        for path in paths:
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
                os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        found, size = _child(_ANNOTATE, str(root), str(asked), str(folder / "answer.vcf"))
        if not label:
            yield Measure(name=f"{name}.found", value=found, unit="of 1,000", better="higher")
        yield Measure(name=f"{name}.cold{label}_read_mb", value=size, unit="MB", better="lower")


def _pick(source: Path, target: Path, records: int) -> None:
    """A thousand records of the source, spread over it, without their ids."""
    step = max(1, records // _ASKED)
    rows: list[str] = []
    with igzip.open(source, "rt") as lines:
        for number, line in enumerate(line for line in lines if not line.startswith("#")):
            if number % step == 0 and len(rows) < _ASKED:
                contig, pos, _, ref, alt, _ = line.split("\t", 5)
                rows.append(f"{contig}\t{pos}\t.\t{ref}\t{alt}\t.\t.\t.")
    head = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    target.write_text(head + "\n".join(rows) + "\n")


def _child(code: str, *arguments: str) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE
    )
    found: list[float] = json.loads(done.stdout.splitlines()[-1])
    return found
