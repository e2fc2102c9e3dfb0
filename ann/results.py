"""A finished run's files: named for their owner, counted again, hashed, and only then believed."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from isal import igzip, igzip_lib

from ann.engine import Summary
from gas.domain import names
from gas.domain.job import Job, ObjectKind

OUTPUT = "result.annot.vcf.gz"
"""Local name of the annotated VCF: the user's file name never becomes a local path."""

PIECE = 1 << 20
GZIP = "application/gzip"
BINARY = "application/octet-stream"
TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
TABLE = "text/tab-separated-values; charset=utf-8"

# The library's own types call this class an instance.
_DAMAGED = cast(type[Exception], igzip_lib.IsalError)

_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
"""The empty block every whole BGZF file ends with (SAM specification, section 4.1.2)."""


class ResultError(Exception):
    """What the engine wrote is not what it says it wrote."""


@dataclass(frozen=True, kw_only=True)
class ResultFile:
    """One file to be offered: where it lies, what it is, and what a download is called."""

    kind: ObjectKind
    path: Path
    file_name: str
    content_type: str
    size: int
    sha256: str


def collect(folder: Path, job: Job, summary: Summary) -> tuple[ResultFile, ...]:
    """Every file of the run, verified; raises ResultError.

    Records in must be records out and rejects, counted anew in the output's own gzip stream.
    """
    _check_counts(folder / OUTPUT, summary)
    stem = names.stem(job.input_file_name)
    index = "tbi" if (folder / f"{OUTPUT}.tbi").exists() else "csi"
    wanted = [
        (ObjectKind.ANNOTATED_VCF, OUTPUT, f"{stem}.annot.vcf.gz", GZIP),
        (ObjectKind.INDEX, f"{OUTPUT}.{index}", f"{stem}.annot.vcf.gz.{index}", BINARY),
        (ObjectKind.TSV, "result.annot.tsv.gz", f"{stem}.annot.tsv.gz", GZIP),
        (ObjectKind.LOG, "result.count.log", log_name(job), TEXT),
        (ObjectKind.PROVENANCE, "result.provenance.json", f"{stem}.provenance.json", JSON),
    ]
    if summary.rejected:
        wanted.append((ObjectKind.REJECTS, "result.rejects.tsv", f"{stem}.rejects.tsv", TABLE))
    told = {written.name: written for written in summary.outputs}
    for _kind, name, _file_name, _type in wanted:
        size, sha256 = _measure(folder / name)
        if name not in told or (told[name].size, told[name].sha256) != (size, sha256):
            raise ResultError(f"{name} is not as the engine wrote it")
    _name_the_input(folder / "result.provenance.json", job.input_file_name)
    _add_to_log(folder / "result.count.log", job, summary.sandbox)
    files = [
        result_file(folder / name, kind, file_name, content_type)
        for kind, name, file_name, content_type in wanted
    ]
    return (*files, _checksums(folder, files))


def result_file(path: Path, kind: ObjectKind, file_name: str, content_type: str) -> ResultFile:
    """The file at this path, measured."""
    size, sha256 = _measure(path)
    return ResultFile(
        kind=kind,
        path=path,
        file_name=file_name,
        content_type=content_type,
        size=size,
        sha256=sha256,
    )


def log_name(job: Job) -> str:
    """What the log of a job is called: `sample.vcf.count.log`."""
    return f"{job.input_file_name}.count.log"


def count_records(path: Path) -> int:
    """Records of a BGZF VCF, by reading all of it; raises ResultError where it is not whole."""
    with path.open("rb") as raw:
        raw.seek(max(path.stat().st_size - len(_BGZF_END), 0))
        if raw.read() != _BGZF_END:
            raise ResultError("the annotated VCF does not end as a whole BGZF file does")
    try:
        return sum(_records(_pieces_of_gzip(path)))
    except (EOFError, OSError, _DAMAGED) as error:
        raise ResultError("the annotated VCF cannot be read back") from error


def _check_counts(path: Path, summary: Summary) -> None:
    if not path.exists():
        raise ResultError("the engine wrote no annotated VCF")
    counted = count_records(path)
    if counted != summary.records_out:
        raise ResultError(f"{counted} records can be read back, {summary.records_out} were written")
    if counted + summary.rejected != summary.records_in:
        raise ResultError(
            f"{summary.records_in} records in, {counted} out, {summary.rejected} rejected"
        )


def _pieces_of_gzip(path: Path) -> Iterator[bytes]:
    with igzip.open(path, "rb") as stream:  # type: ignore[no-untyped-call]
        while piece := stream.read(PIECE):
            yield piece


def _records(pieces: Iterator[bytes]) -> Iterator[int]:
    """Numbers that add up to the lines after the header; the header's end with `#CHROM`."""
    head = b""
    for piece in pieces:
        head += piece
        start = 0 if head.startswith(b"#CHROM") else head.find(b"\n#CHROM") + 1
        end = head.find(b"\n", start) if head[start : start + 6] == b"#CHROM" else -1
        if end >= 0:
            yield head.count(b"\n", end + 1)
            yield from (rest.count(b"\n") for rest in pieces)
            return
    raise ResultError("the annotated VCF has no #CHROM line")


def _measure(path: Path) -> tuple[int, str]:
    digest = hashlib.sha256()
    size = 0
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                digest.update(piece)
                size += len(piece)
    except FileNotFoundError:
        raise ResultError(f"the engine wrote no {path.name}") from None
    return size, digest.hexdigest()


def _name_the_input(path: Path, file_name: str) -> None:
    """Put the owner's file name where the engine could see only a local one."""
    told = json.loads(path.read_text(encoding="utf-8"))
    told["input"]["name"] = file_name
    path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _add_to_log(path: Path, job: Job, sandbox: Sequence[str]) -> None:
    with path.open("a", encoding="utf-8") as log:
        log.write(f"\nJob: {job.job_id}\nRun: {job.attempt}\nSandbox: {', '.join(sandbox)}\n")


def _checksums(folder: Path, files: Sequence[ResultFile]) -> ResultFile:
    """SHA256SUMS, as `sha256sum --check` reads it."""
    path = folder / "SHA256SUMS"
    lines = [f"{file.sha256}  {file.file_name}\n" for file in files]
    path.write_text("".join(lines), encoding="utf-8")
    return result_file(path, ObjectKind.CHECKSUMS, path.name, TEXT)
