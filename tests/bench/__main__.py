"""`make bench`: measure, print a table, write .bench/results.json.

`--only PREFIX` runs what measures names that begin with it: `--only job`, `--only engine.in1k`.
"""

import argparse
import importlib
from pathlib import Path

from tests.bench.measure import merge, table

GROUPS = {
    "scaling": "tests.scaling.compare",
    "job": "tests.bench.job",
    "embedded": "tests.bench.embedded",
    "engine": "tests.bench.engine",
    "reference": "tests.bench.reference",
}
"""First word of the names, and the module whose `measure(only)` yields them."""

RESULTS = Path(".bench/results.json")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--only", default="", metavar="PREFIX", help="measure only these names")
    only = parser.parse_args().only
    groups = [group for group in GROUPS if only.startswith(group) or group.startswith(only)]
    if not groups:
        parser.error(f"nothing measures {only!r}; groups: {', '.join(GROUPS)}")
    for group in groups:
        measures = [
            measure
            for measure in importlib.import_module(GROUPS[group]).measure(only)
            if measure.name.startswith(only)
        ]
        print(table(measures), flush=True)
        merge(RESULTS, measures)


if __name__ == "__main__":
    main()
