"""The simulation is only worth something if it sees the bugs that others have had."""

import pytest

from tests.simulation.history import play
from tests.simulation.planted import BUGS

SEEDS = 1000


@pytest.mark.full
@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_caught_within_a_thousand_seeds(name: str) -> None:
    bug = BUGS[name]
    for seed in range(SEEDS):
        report = play(seed, bug.parts)
        caught = {invariant for invariant, _text in report.violations}
        if bug.invariant in caught:
            assert f"--seed {seed}" in report.tell()
            return
    pytest.fail(f"{name}: not caught in {SEEDS} histories")
