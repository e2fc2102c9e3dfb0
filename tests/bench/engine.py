"""How fast the engine annotates the common workload, beside vcfanno and bcftools on the same work.

Ratios are between medians of interleaved runs with two threads.  vcfanno does the twelve sources
without genes; the bcftools chain does dbSNP, ClinVar, ten tracks one after the other, and csq.
"""

import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

from ann.anntools.build.catalogue import read_catalogue
from ann.anntools.build.compiling import Job, compile_source
from ann.anntools.build.download import Fetched
from ann.anntools.io.bgzf import BLOCK, compress
from ann.anntools.io.inflate import inflate_group
from ann.anntools.store.manifest import FORMAT, Manifest, SourceInfo
from ann.anntools.store.reference import ReferenceWriter, current_release
from tests.bench.measure import Measure
from tests.bench.workload import CONTIGS, TRACKS, Workload, make_workload

BENCH = Path(".bench") / "engine"
RUNS = 5
ASSEMBLY = "GRCh38"
# What was compiled for another version cannot be read.
_MADE = f"made-{FORMAT}"
_CATALOGUE = """
[[source]]
name = "dbsnp"
assembly = "GRCh38"
format = "vcf"
path = "dbsnp.vcf.gz"
columns = [
  {{ key = "ID", from = "ID", prefix = "rs", integer = true, description = "dbSNP id" }},
  {{ key = "dbSNP_AF", from = "INFO/AF", type = "Float", description = "frequency" }},
]

[[source]]
name = "clinvar"
assembly = "GRCh38"
format = "vcf"
path = "clinvar.vcf.gz"
columns = [{{ key = "CLNSIG", from = "INFO/CLNSIG", description = "significance" }}]
{tracks}
"""
_TRACK = """
[[source]]
name = "T{0}"
assembly = "GRCh38"
format = "bed"
path = "t{0}.bed.gz"
title = "T{0}"
"""
_PEAK = """
import sys
from pathlib import Path
from ann.anntools.cli import main
code = main(sys.argv[1:])
# Not ru_maxrss: that counts what the parent held when it started this process.
lines = Path("/proc/self/status").read_text().splitlines()
print(next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")))
sys.exit(code)
"""
_WARM = """
import json, statistics, sys, time
from pathlib import Path
from ann.anntools.engine import annotate
took = []
for _ in range(12):
    began = time.perf_counter()
    annotate(Path(sys.argv[1]), Path(sys.argv[2]), assembly="GRCh38",
             reference=Path(sys.argv[3]), tables=False)
    took.append(time.perf_counter() - began)
print(json.dumps(statistics.median(took[2:])))
"""

Action = Callable[[], None]


def measure(only: str) -> Iterator[Measure]:
    """Every figure whose part begins with `only`."""
    data = BENCH / "data"
    reference = BENCH / "reference"
    _prepare(data, reference)
    parts: dict[str, Callable[[Path, Path], Iterator[Measure]]] = {
        "engine.in1m": _million,
        "engine.in1k": _thousand,
        "engine.wide": _wide,
    }
    for name, part in parts.items():
        if name.startswith(only) or only.startswith(name):
            yield from part(data, reference)


def _prepare(data: Path, reference: Path) -> None:
    if (BENCH / _MADE).exists():
        return
    shutil.rmtree(reference, ignore_errors=True)
    made = make_workload(data)
    _compile(made, reference)
    _prepare_peers(data)
    (BENCH / _MADE).touch()


def _info(name: str) -> SourceInfo:
    return SourceInfo(name, name, "made", "2026-01-01", "CC0", "", "")


def _compile(made: Workload, root: Path) -> None:
    """Compile the workload as `build` would, but for the genome, which is no assembly's."""
    catalogue = made.folder / "catalogue.toml"
    tracks = "".join(_TRACK.format(number) for number in range(1, len(TRACKS) + 1))
    catalogue.write_text(_CATALOGUE.format(tracks=tracks))
    with ReferenceWriter(root, ASSEMBLY, "base", CONTIGS) as writer:
        sequence = writer.sequence(_info("genome"))
        for name, letters in made.genome.items():
            sequence.add(name, [letters])
        genes = writer.genes(_info("transcripts"))
        for transcript in made.transcripts:
            genes.add(transcript)
    base = current_release(root, ASSEMBLY)
    work = root / "work"
    work.mkdir()
    with ProcessPoolExecutor(2) as pool, ReferenceWriter(root, ASSEMBLY, "all", CONTIGS) as writer:
        for spec in read_catalogue(catalogue):
            path = (spec.files[0].path or Path()).resolve()
            files = {"data": Fetched(path, "", "", "2026-01-01")}
            job = Job(spec, files, (base / "genome.ann",))
            for source in compile_source(job, work, pool).sources:
                writer.adopt(source, work / source.file)
        for source in Manifest.read(base).sources:
            writer.adopt(source, base / source.file)


def _prepare_peers(data: Path) -> None:
    """Indexes and settings that vcfanno and bcftools want, where they are installed."""
    if not _has_peers():
        return
    for name in ("dbsnp", "clinvar", "in1m", "in1k", "wide"):
        subprocess.run(["tabix", "-f", "-p", "vcf", f"{name}.vcf.gz"], check=True, cwd=data)
    rows = [
        ("dbsnp.vcf.gz", 'fields=["ID","AF"]', '["dbsnp_id","dbsnp_af"]', '["self","self"]'),
        ("clinvar.vcf.gz", 'fields=["CLNSIG"]', '["CLNSIG"]', '["self"]'),
    ]
    for number in range(1, len(TRACKS) + 1):
        track = f"t{number}"
        subprocess.run(["tabix", "-f", "-p", "bed", f"{track}.bed.gz"], check=True, cwd=data)
        line = f'##INFO=<ID=T{number},Number=.,Type=String,Description="track">\n'
        (data / f"{track}.hdr").write_text(line)
        rows.append((f"{track}.bed.gz", "columns=[4]", f'["T{number}"]', '["self"]'))
    text = "".join(
        f'[[annotation]]\nfile="{file}"\n{what}\nnames={names}\nops={ops}\n'
        for file, what, names, ops in rows
    )
    (data / "vcfanno.toml").write_text(text)


def _has_peers() -> bool:
    return all(shutil.which(name) for name in ("vcfanno", "bcftools", "tabix"))


def _vcfanno(data: Path, name: str) -> Action:
    def run() -> None:
        with (data / "vcfanno.out").open("wb") as out:
            subprocess.run(
                ["vcfanno", "-p", "2", "vcfanno.toml", f"{name}.vcf.gz"],
                stdout=out,
                stderr=subprocess.DEVNULL,
                check=True,
                cwd=data,
            )

    return run


def _bcftools(data: Path, name: str) -> Action:
    """dbSNP and ClinVar want an indexed file; the tracks and csq follow as one stream."""
    tool = "bcftools annotate"
    steps = [f"{tool} -a clinvar.vcf.gz -c INFO/CLNSIG -Ou chain.bcf"]
    for number in range(1, len(TRACKS) + 1):
        key = f"T{number}"
        steps.append(
            f"{tool} -a t{number}.bed.gz -h t{number}.hdr -c CHROM,FROM,TO,{key} "
            f"-l {key}:append -Ou -"
        )
    steps.append("bcftools csq -f genome.fa -g genes.gff3 -p a -Ov -o chain.out -")
    known = f"{tool} -a dbsnp.vcf.gz -c ID,INFO/dbsnp_af:=INFO/AF -Ob1 -o chain.bcf {name}.vcf.gz"
    script = f"set -eo pipefail; {known}; bcftools index -f chain.bcf; {' | '.join(steps)}"

    def run() -> None:
        subprocess.run(
            ["bash", "-c", script], stderr=subprocess.DEVNULL, check=True, cwd=data.resolve()
        )

    return run


def _engine_command(data: Path, reference: Path, name: str) -> list[str]:
    source, out = data / f"{name}.vcf.gz", BENCH / "out" / f"{name}.annot.vcf.gz"
    options = ["--assembly", ASSEMBLY, "--reference", str(reference), "--no-table"]
    return ["annotate", str(source), "-o", str(out), *options, "--threads", "2"]


def _engine(data: Path, reference: Path, name: str) -> Action:
    command = [sys.executable, "-m", "ann.anntools", *_engine_command(data, reference, name)]

    def run() -> None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    return run


def _codec_floor(data: Path, name: str) -> Action:
    """Inflate the input and deflate the annotated output, and nothing else, with two threads."""
    sources = (data / f"{name}.vcf.gz", BENCH / "out" / f"{name}.annot.vcf.gz")
    packed, annotated = (_blocks(path.read_bytes()) for path in sources)
    text = memoryview(inflate_group(annotated))
    step = BLOCK * 16
    pieces = [text[start : start + step] for start in range(0, len(text), step)]
    groups = [packed[start : start + 16] for start in range(0, len(packed), 16)]

    def run() -> None:
        with ThreadPoolExecutor(2) as pool:
            for _ in pool.map(inflate_group, groups):
                pass
            with (BENCH / "out" / "floor").open("wb") as out:
                for blocks in pool.map(compress, pieces):
                    out.writelines(blocks)

    return run


def _blocks(data: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at + 16 : at + 18], "little") + 1
        found.append(data[at : at + size])
        at += size
    return found


def _medians(actions: dict[str, Action], runs: int = RUNS) -> dict[str, float]:
    """Median seconds of each action; the runs are interleaved, so that all see the same machine."""
    took: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(runs):
        for name, action in actions.items():
            began = time.perf_counter()
            action()
            took[name].append(time.perf_counter() - began)
    return {name: statistics.median(times) for name, times in took.items()}


def _ratio(name: str, peer: float, ours: float) -> Measure:
    return Measure(name=name, value=peer / ours, unit="x", better="higher")


def _million(data: Path, reference: Path) -> Iterator[Measure]:
    ours = _engine(data, reference, "in1m")
    ours()
    actions = {"engine": ours, "floor": _codec_floor(data, "in1m")}
    if _has_peers():
        actions |= {"vcfanno": _vcfanno(data, "in1m"), "bcftools": _bcftools(data, "in1m")}
    took = _medians(actions)
    yield Measure(name="engine.in1m.process_s", value=took["engine"], unit="s", better="lower")
    for peer in ("vcfanno", "bcftools"):
        if peer in took:
            yield _ratio(f"engine.in1m.ratio_{peer}", took[peer], took["engine"])
    floor = took["engine"] / took["floor"]
    yield Measure(name="engine.in1m.ratio_codec_floor", value=floor, unit="x", better="lower")
    command = [sys.executable, "-c", _PEAK, *_engine_command(data, reference, "in1m")]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    peak = float(told.splitlines()[-1])
    yield Measure(name="engine.in1m.peak_mb", value=peak, unit="MB", better="lower")


def _thousand(data: Path, reference: Path) -> Iterator[Measure]:
    took = _medians({"engine": _engine(data, reference, "in1k")})
    yield Measure(name="engine.in1k.process_s", value=took["engine"], unit="s", better="lower")
    files = (data / "in1k.vcf.gz", BENCH / "out" / "warm.annot.vcf.gz", reference)
    command = [sys.executable, "-c", _WARM, *map(str, files)]
    warm = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    yield Measure(name="engine.in1k.warm_s", value=warm, unit="s", better="lower")


def _wide(data: Path, reference: Path) -> Iterator[Measure]:
    actions = {"engine": _engine(data, reference, "wide")}
    if _has_peers():
        actions["vcfanno"] = _vcfanno(data, "wide")
    took = _medians(actions)
    yield Measure(name="engine.wide.process_s", value=took["engine"], unit="s", better="lower")
    if "vcfanno" in took:
        yield _ratio("engine.wide.ratio_vcfanno", took["vcfanno"], took["engine"])
