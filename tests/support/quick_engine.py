"""An engine module for the fork server that annotates anything at once."""

from collections.abc import Callable
from pathlib import Path

from ann.engine import Summary
from ann.forkserver import Request
from tests.support.fake_engine import prepare, write

__all__ = ["annotate", "prepare"]


def annotate(request: Request, _progress: Callable[[int, float], None]) -> Summary:
    return write(Path(request.output), 3, 0, "")
