"""What the annotator asks of an engine: one task in, one summary out, or one of these errors."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from gas.domain.job import Progress


@dataclass(frozen=True, kw_only=True)
class Task:
    """One file to annotate, and what the engine may use up on it.

    `folder` is the only one the engine may write to; input and output lie in it.  `threads` 0
    means one a core.  `file_bytes` bounds each file it writes, `memory_bytes` its data segment.
    """

    folder: Path
    input: Path
    output: Path
    assembly: str
    threads: int
    memory_bytes: int
    file_bytes: int
    time_limit: timedelta
    stall_limit: timedelta


@dataclass(frozen=True, kw_only=True)
class Written:
    """A file the engine says it has written: size in bytes, sha256 in lower-case hex."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What an engine says of a finished task; `sandbox` names the layers that were in force."""

    records_in: int
    records_out: int
    rejected: int
    assembly: str
    engine: str
    reference: str
    outputs: tuple[Written, ...]
    sandbox: tuple[str, ...] = ()


class EngineError(Exception):
    """Base of everything that ends a task without a result."""


class InputRefusedError(EngineError):
    """The file is at fault: what, where, and what its owner can do."""

    def __init__(self, code: str, message: str, *, hint: str = "", line: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.line = line


class OutOfMemoryError(EngineError):
    """The engine needed more memory than it may have."""


class DiskFullError(EngineError):
    """There was no room for the engine's output."""


class HungError(EngineError):
    """The engine said nothing for longer than it may."""


class TimedOutError(EngineError):
    """The engine took longer than one job may."""


class CrashedError(EngineError):
    """The engine fell over its input: a bug of ours that the same input will meet again."""


class DiedError(EngineError):
    """The engine ended through no doing of its own; the same input may well succeed."""


class InterruptedRunError(EngineError):
    """The caller asked for the engine to be stopped."""


class Engine(Protocol):
    """Something that annotates."""

    def annotate(
        self,
        task: Task,
        *,
        on_progress: Callable[[Progress], None],
        should_stop: Callable[[], bool],
    ) -> Summary:
        """Annotate; raises an EngineError.  `should_stop` is asked several times a second."""
        ...
