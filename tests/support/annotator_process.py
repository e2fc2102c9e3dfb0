"""The annotator daemon with the engine module named on the command line.

With `PORT.METHOD.before` or `PORT.METHOD.after` behind it, the process kills itself with SIGKILL
at that effect, the first time it comes there: `jobs.move.after`.  `jobs.finish` is the move that
ends a run.
"""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ann import annotator
from ann.child import ForkedEngine
from gas import log, wiring
from gas.config import Settings
from gas.domain.message import Queue
from gas.ports import Inbox


class Doomed:
    """A port whose user dies at one of its methods."""

    def __init__(self, port: Any, method: str, moment: str) -> None:
        self._port = port
        self._method = method
        self._moment = moment

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._port, name)
        finishes = self._method == "finish" and name == "move"
        return self._deadly(real) if finishes or name == self._method else real

    def _deadly(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def act(*arguments: Any, **named: Any) -> Any:
            if self._method == "finish" and not arguments[1].is_terminal:
                return real(*arguments, **named)
            if self._moment == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            answer = real(*arguments, **named)
            os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return act


def doom(outside: wiring.Outside, place: str) -> wiring.Outside:
    """The same world outside, deadly at that place."""
    port, method, moment = place.split(".")
    if port == "inbox":

        def inbox(queue: Queue) -> Inbox:
            deadly: Any = Doomed(outside.inbox(queue), method, moment)
            return deadly

        return replace(outside, inbox=inbox)
    return replace(outside, **{port: Doomed(getattr(outside, port), method, moment)})


def main() -> None:
    """Serve until told to stop, or until the deadly place."""
    log.set_up("annotator")
    if len(sys.argv) > 2:
        connect = wiring.connect
        annotator.wiring.connect = lambda settings: doom(connect(settings), sys.argv[2])
    with ForkedEngine(engine=sys.argv[1]) as engine:
        annotator.serve(Settings.from_env(), engine)


if __name__ == "__main__":
    main()
