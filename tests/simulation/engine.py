"""An engine whose output is a pure function of its input, and which takes its time."""

import gzip
import hashlib
from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from random import Random

from ann.engine import (
    CrashedError,
    DiedError,
    DiskFullError,
    HungError,
    InputRefusedError,
    InterruptedRunError,
    OutOfMemoryError,
    Summary,
    Task,
    Written,
)
from gas.domain.job import Progress
from tests.simulation.faults import Faults
from tests.simulation.scheduler import SECOND, Process
from tests.support.fake_engine import BGZF_END

BAD = b"this is no VCF"
POISON = b"##poison"
"""Inputs that begin so are refused, or make every engine fall over."""

TROUBLES = (DiedError, DiedError, HungError, OutOfMemoryError, DiskFullError)


@lru_cache(maxsize=4096)
def files_of(text: bytes) -> dict[str, bytes]:
    """Every file the engine writes for this input, by its local name."""
    mark = hashlib.sha256(text).hexdigest()
    records = 1 + int(mark[:2], 16) % 5
    lines = [
        "##fileformat=VCFv4.2",
        f"##input={mark}",
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
        *(f"MT\t{pos}\t.\tA\tG\t.\t.\t." for pos in range(1, records + 1)),
    ]
    body = "".join(f"{line}\n" for line in lines).encode()
    return {
        "result.annot.vcf.gz": gzip.compress(body, mtime=0) + BGZF_END,
        "result.annot.vcf.gz.tbi": f"index of {mark}".encode(),
        "result.annot.tsv.gz": gzip.compress(mark.encode(), mtime=0),
        "result.count.log": f"Total: {records}\n".encode(),
        "result.provenance.json": b'{"input": {"name": "input"}}',
    }


def records_of(text: bytes) -> int:
    """How many records that are."""
    return 1 + int(hashlib.sha256(text).hexdigest()[:2], 16) % 5


class SimulatedEngine:
    """The annotator's engine in one process."""

    def __init__(self, process: Process, rng: Random, faults: Callable[[], Faults]) -> None:
        self._process = process
        self._rng = rng
        self._faults = faults

    def annotate(
        self,
        task: Task,
        *,
        on_progress: Callable[[Progress], None],
        should_stop: Callable[[], bool],
    ) -> Summary:
        rng = self._rng
        text = task.input.read_bytes()
        quick = rng.random() < 0.7
        left = timedelta(seconds=rng.uniform(0.05, 2) if quick else rng.uniform(20, 400))
        step = left / 3
        while left > timedelta(0):
            if should_stop():
                raise InterruptedRunError("the engine was stopped")
            pause = min(step, left, timedelta(seconds=15))
            self._process.scheduler.sleep(round(pause.total_seconds() * SECOND))
            left -= pause
            on_progress(Progress(records=1, fraction=0.5))
        if text.startswith(BAD):
            raise InputRefusedError("not-a-vcf", "This is no VCF.", hint="Look at it.", line=1)
        if text.startswith(POISON):
            raise CrashedError("the engine fell over the file")
        if rng.random() < self._faults().engine:
            trouble = rng.choice(TROUBLES)
            raise trouble
        files = files_of(text)
        for name, body in files.items():
            task.output.with_name(name).write_bytes(body)
        records = records_of(text)
        return Summary(
            records_in=records,
            records_out=records,
            rejected=0,
            assembly="GRCh38",
            engine="simulated 1",
            reference="none",
            outputs=tuple(
                Written(name=name, size=len(body), sha256=hashlib.sha256(body).hexdigest())
                for name, body in files.items()
            ),
        )
