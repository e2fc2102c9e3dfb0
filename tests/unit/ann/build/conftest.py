"""A compiled bundle, the engine to ask, and a web server with small files in the real formats."""

import gzip
import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from ann.anntools.build import bundled
from ann.anntools.engine import annotate

Ask = Callable[[Path, str, str], dict[str, str]]
FIXTURES = Path(__file__).parent / "files"
ENSEMBL38 = "ftp.ensembl.org/pub/release-115"
ENSEMBL37 = "ftp.ensembl.org/pub/grch37/release-87"
UCSC = "hgdownload.soe.ucsc.edu/goldenPath"
NCBI = "ftp.ncbi.nlm.nih.gov"


@pytest.fixture(scope="session")
def bundled_reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("reference")
    for assembly in bundled.ASSEMBLIES:
        bundled.ensure(root, assembly)
    return root


@pytest.fixture
def root(tmp_path: Path, bundled_reference: Path) -> Path:
    """A reference folder in which nothing is in use yet and the bundle need not be compiled."""
    folder = tmp_path / "reference"
    for assembly in bundled.ASSEMBLIES:
        name = bundled.release_id()
        shutil.copytree(
            bundled_reference / assembly / name, folder / assembly / name, copy_function=os.link
        )
    return folder


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """What the engine writes for `contig pos ref alt`: the INFO keys, and ID."""

    def asked(root: Path, assembly: str, variant: str) -> dict[str, str]:
        contig, pos, ref, alt = variant.split()
        source = tmp_path / "asked.vcf"
        source.write_text(
            "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
            f"{contig}\t{pos}\t.\t{ref}\t{alt}\t.\t.\t.\n"
        )
        out = tmp_path / "answer.vcf"
        annotate(source, out, assembly=assembly, reference=root, tables=False)
        fields = out.read_text().splitlines()[-1].split("\t")
        found = {"ID": fields[2]}
        for part in fields[7].split(";"):
            key, _, value = part.partition("=")
            found[key] = value
        return found

    return asked


@dataclass
class Site:
    """What the server has, and how it misbehaves.

    `broken[path]` is a list of what happens to the next requests for a path: a status code, or
    the number of bytes (negative) after which the connection is cut.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    broken: dict[str, list[int]] = field(default_factory=dict)
    asked: list[tuple[str, str | None, int]] = field(default_factory=list)  # path, Range, status
    gate: threading.Event = field(default_factory=threading.Event)
    stalls_at: dict[str, int] = field(default_factory=dict)
    ranges: bool = True

    def put(self, path: str, data: bytes | str) -> None:
        """Serve `data`, packed if the path says so."""
        raw = data.encode() if isinstance(data, str) else data
        self.files[path] = gzip.compress(raw, mtime=0) if path.endswith(".gz") else raw


class Handler(BaseHTTPRequestHandler):
    site: ClassVar[Site]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        site, path = self.site, self.path.lstrip("/")
        wanted = self.headers.get("Range")
        trouble = site.broken[path].pop(0) if site.broken.get(path) else 0
        status = trouble if trouble > 0 else 200 if path in site.files else 404
        data = site.files.get(path, b"")
        etag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        start = 0
        if status == 200:
            if self.headers.get("If-None-Match") == etag:
                status = 304
            elif wanted and site.ranges and self.headers.get("If-Range") == etag:
                start = int(wanted.removeprefix("bytes=").partition("-")[0])
                status = 206 if start < len(data) else 416
        site.asked.append((path, wanted, status))
        body = data[start:] if status in {200, 206} else b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status in {200, 206, 304}:
            self.send_header("ETag", etag)
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if trouble < 0:
            self.wfile.write(body[:-trouble])
            self.close_connection = True
            return
        stall = site.stalls_at.get(path)
        if stall is not None and start < stall:
            self.wfile.write(body[: stall - start])
            self.wfile.flush()
            site.gate.wait(60)
            body = body[stall - start :]
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[Site]:
    """A server on this machine that has every default file of the catalogue."""
    served = Site()
    handler = type("SiteHandler", (Handler,), {"site": served})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        served.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        fill(served)
        yield served
        served.gate.set()
        server.shutdown()
        thread.join()


def fill(site: Site) -> None:
    """Put small files where the catalogue's URLs point."""
    gff3 = (FIXTURES / "ensembl.gff3").read_text()
    cds = (FIXTURES / "ensembl.cds.fa").read_text()
    folder = f"{ENSEMBL38}/gff3/homo_sapiens"
    site.put(f"{folder}/Homo_sapiens.GRCh38.115.gff3.gz", gff3)
    site.put(f"{ENSEMBL38}/fasta/homo_sapiens/cds/Homo_sapiens.GRCh38.cds.all.fa.gz", cds)
    older = gff3.replace("GRCh38", "GRCh37").replace("248956422", "249250621")
    folder = f"{ENSEMBL37}/gff3/homo_sapiens"
    site.put(f"{folder}/Homo_sapiens.GRCh37.87.gff3.gz", older)
    site.put(f"{ENSEMBL37}/fasta/homo_sapiens/cds/Homo_sapiens.GRCh37.cds.all.fa.gz", cds)
    for build, name in (("hg38", "GRCh38"), ("hg19", "GRCh37")):
        path = f"{NCBI}/pub/clinvar/vcf_{name}/clinvar.vcf.gz"
        site.put(path, (FIXTURES / "clinvar.vcf").read_text().replace("GRCh38", name))
        digest = hashlib.md5(site.files[path], usedforsecurity=False).hexdigest()
        site.put(f"{path}.md5", f"{digest}  /some/where/clinvar.vcf.gz\n")
        for table in (FIXTURES / "ucsc").iterdir():
            site.put(f"{UCSC}/{build}/database/{table.stem}.txt.gz", table.read_text())
    hgnc = "storage.googleapis.com/public-download-files/hgnc/tsv/tsv/hgnc_complete_set.txt"
    site.put(hgnc, (FIXTURES / "hgnc.txt").read_text())
    chain = "ftp.ensembl.org/pub/assembly_mapping/homo_sapiens/NCBI36_to_GRCh37.chain.gz"
    site.put(chain, (FIXTURES / "lift.chain").read_text())
    dbsnp = f"{NCBI}/snp/latest_release/VCF/GCF_000001405.40.gz"
    site.put(dbsnp, (FIXTURES / "dbsnp.vcf").read_text())
    digest = hashlib.md5(site.files[dbsnp], usedforsecurity=False).hexdigest()
    site.put(f"{dbsnp}.md5", f"{digest}  GCF_000001405.40.gz\n")
