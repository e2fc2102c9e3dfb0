"""Plays histories: `python -m tests.simulation --seeds 10000`, or one: `--seed 17`."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from multiprocessing import Pool
from time import monotonic

from tests.simulation.history import Report, play

PROGRESS = 10.0
"""Seconds between two lines of progress."""

SHOWN = 3
"""Failing histories told in full."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Play, print what was checked, and tell every history that went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int, default=500, help="how many histories")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="one seed alone, with its whole history")
    parser.add_argument("--processes", type=int, default=2, help="how many at once")
    asked = parser.parse_args(arguments)
    if asked.seed is not None:
        report = play(asked.seed, keep=True)
        print(report.tell())
        return 1 if report.violations else 0
    checked: Counter[str] = Counter()
    failed: list[Report] = []
    steps = played = 0
    begun = told = monotonic()
    with Pool(asked.processes) as pool:
        for report in pool.imap_unordered(
            play, range(asked.first, asked.first + asked.seeds), chunksize=8
        ):
            played += 1
            steps += report.steps
            checked += report.checked
            if report.violations:
                failed.append(report)
                if len(failed) <= SHOWN:
                    print(report.tell(), flush=True)
            if monotonic() - told >= PROGRESS:
                told = monotonic()
                print(
                    f"{played:7} histories, {len(failed)} failed, "
                    f"{played / (told - begun):.1f} a second",
                    flush=True,
                )
    print(f"{played} histories, {steps:,} steps, {monotonic() - begun:.0f} s")
    for invariant, times in sorted(checked.items(), key=lambda item: int(item[0][1:])):
        print(f"  {invariant:4} {times:10,} checks")
    for report in failed:
        kinds = ", ".join(sorted({invariant for invariant, _text in report.violations}))
        print(f"  seed {report.seed} failed: {kinds}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
