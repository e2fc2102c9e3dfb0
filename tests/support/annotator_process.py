"""The annotator daemon with the engine module named on the command line."""

import sys

from ann.annotator import serve
from ann.child import ForkedEngine
from gas import log
from gas.config import Settings

if __name__ == "__main__":
    log.set_up("annotator")
    with ForkedEngine(engine=sys.argv[1]) as engine:
        serve(Settings.from_env(), engine)
