"""An engine module for the fork server that does what the input's first line says.

`say RECORDS REJECTS` annotates; the other words each end a child in a way of their own.
"""

import errno
import gzip
import hashlib
import json
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ann.engine import InputRefusedError, Summary, Written
from ann.forkserver import Request
from gas.config import environment

DEFAULT_REFERENCE = Path("/usr/share/zoneinfo")
BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def prepare(reference: Path | None) -> Path:
    return reference or DEFAULT_REFERENCE


def annotate(request: Request, progress: Callable[[int, float], None]) -> Summary:
    order, *words = Path(request.input).read_text().split("\n", 1)[0].split()
    if order in ENDINGS:
        ENDINGS[order](request, progress)
    if order == "look":
        return write(Path(request.output), 0, 0, json.dumps(_look(words, request)))
    records, rejected = (int(word) for word in words) if words else (3, 0)
    progress(records, 1.0)
    summary = write(Path(request.output), records, rejected, "")
    return replace(summary, reference=request.reference)


def _refuse(_request: Request, _progress: Callable[[int, float], None]) -> None:
    raise InputRefusedError("not-a-vcf", "Line 1 is no VCF", hint="Look at it.", line=1)


def _crash(_request: Request, _progress: Callable[[int, float], None]) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _bug(_request: Request, _progress: Callable[[int, float], None]) -> None:
    raise RuntimeError("a bug")


def _exit(_request: Request, _progress: Callable[[int, float], None]) -> None:
    os._exit(7)


def _hang(_request: Request, progress: Callable[[int, float], None]) -> None:
    progress(1, 0.1)
    time.sleep(3600)


def _gobble(_request: Request, _progress: Callable[[int, float], None]) -> None:
    hoard = [bytearray(1 << 24) for _ in range(1 << 12)]
    raise AssertionError(len(hoard))


def _fill(_request: Request, _progress: Callable[[int, float], None]) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def _big(request: Request, _progress: Callable[[int, float], None]) -> None:
    Path(request.folder, "big").write_bytes(bytes(request.file_bytes + 1))


def _slowly(_request: Request, progress: Callable[[int, float], None]) -> None:
    for step in range(200):
        progress(step, step / 200)
        time.sleep(0.05)


ENDINGS: dict[str, Callable[[Request, Callable[[int, float], None]], None]] = {
    "refuse": _refuse,
    "crash": _crash,
    "bug": _bug,
    "exit": _exit,
    "hang": _hang,
    "gobble": _gobble,
    "fill": _fill,
    "big": _big,
    "slowly": _slowly,
}


def _look(words: list[str], request: Request) -> dict[str, str]:
    """What the walls let through: the name of the error of each forbidden thing, or `allowed`."""

    def attempt(action: Callable[[], object]) -> str:
        try:
            action()
        except OSError as error:
            return errno.errorcode[error.errno or 0]
        return "allowed"

    secret, parent = words
    return {
        "tcp": attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM)),
        "udp": attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)),
        "unix": attempt(lambda: socket.socket(socket.AF_UNIX)),
        "read": attempt(lambda: Path(secret).read_text()),
        "write": attempt(lambda: Path(secret).with_name("mine").write_text("x")),
        "own": attempt(lambda: Path(request.folder, "mine").write_text("x")),
        "fork": attempt(os.fork),
        "exec": attempt(lambda: os.execv("/bin/true", ["true"])),  # noqa: S606 - to be refused
        "signal": attempt(lambda: os.kill(int(parent), 0)),
        "environment": str(sorted(environment())),
    }


def write(output: Path, records: int, rejected: int, note: str) -> Summary:
    """Every file of a result, whole."""
    lines = ["##fileformat=VCFv4.2", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    lines += [f"MT\t{pos}\t.\tA\tG\t.\t.\t." for pos in range(1, records + 1)]
    stem = output.name.removesuffix(".annot.vcf.gz")
    text = "".join(f"{line}\n" for line in lines)
    files = {
        output.name: gzip.compress(text.encode(), mtime=0) + BGZF_END,
        f"{output.name}.tbi": b"index",
        f"{stem}.annot.tsv.gz": gzip.compress(b"CHROM\n", mtime=0),
        f"{stem}.count.log": f"Total: {records + rejected}\n{note}".encode(),
        f"{stem}.rejects.tsv": b"line\treason\ttext\n" + b"9\twrong\tx\n" * rejected,
        f"{stem}.provenance.json": b'{"input": {"name": "input"}}',
    }
    for name, body in files.items():
        output.with_name(name).write_bytes(body)
    return Summary(
        records_in=records + rejected,
        records_out=records,
        rejected=rejected,
        assembly="GRCh38",
        engine="fake 1",
        reference="none",
        outputs=tuple(
            Written(name=name, size=len(body), sha256=hashlib.sha256(body).hexdigest())
            for name, body in files.items()
        ),
    )
