"""A machine that goes: its jobs finish first, and the pool is told when they have."""

from pathlib import Path

import pytest

from tests.support.stubs import Stubs

ROOT = Path(__file__).parents[3]

# A token, an instance, and what a file says of the end of this machine.
METADATA = """
here=$(dirname "$0")
case "$*" in
  *api/token*) echo token ;;
  *instance-id*) echo i-1 ;;
  *target-lifecycle-state*) cat "$here/state" ;;
  *spot/instance-action*) [ -e "$here/spot" ] ;;
esac
"""
# The annotator stops after it was looked at so often, or at once when told a second time.
SYSTEMCTL = """
here=$(dirname "$0")
case "$1" in
  show)
    left=$(cat "$here/left")
    echo $((left - 1)) >"$here/left"
    if [ "$left" -gt 0 ]; then echo deactivating; else echo inactive; fi ;;
  kill) echo 0 >"$here/left" ;;
esac
"""


@pytest.fixture
def stubs(tmp_path: Path) -> Stubs:
    stubs = Stubs(tmp_path / "bin")
    stubs.add("curl", METADATA)
    stubs.add("systemctl", SYSTEMCTL)
    stubs.add("aws")
    (stubs.folder / "state").write_text("InService\n")
    (stubs.folder / "left").write_text("3\n")
    return stubs


def _drain(stubs: Stubs, **env: str) -> str:
    done = stubs.run(
        "bash",
        ROOT / "aws/node/gas-drain",
        env={
            "GAS_POOL": "gas-annotator",
            "GAS_DRAIN_PAUSE": "0.02",
            "GAS_DRAIN_BEAT": "0",
            "GAS_SPOT_PATIENCE": "0",
            **env,
        },
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_machine_that_is_scaled_in_finishes_its_jobs_before_it_says_so(stubs: Stubs) -> None:
    (stubs.folder / "state").write_text("Terminated\n")
    _drain(stubs)
    told = [call for call in stubs.calls if call.startswith(("aws", "systemctl"))]
    assert told[0] == "systemctl stop --no-block gas-annotator"
    assert told[-1].startswith("aws autoscaling complete-lifecycle-action")
    assert "--lifecycle-action-result CONTINUE" in told[-1]
    assert told[-2].startswith("systemctl show")


def test_the_pool_is_kept_waiting_while_jobs_run(stubs: Stubs) -> None:
    (stubs.folder / "state").write_text("Terminated\n")
    _drain(stubs)
    beats = stubs.said("aws autoscaling record-lifecycle-action-heartbeat")
    assert len(beats) == 3
    assert "--instance-id i-1" in beats[0]
    assert "--lifecycle-hook-name drain" in beats[0]


def test_scale_in_never_breaks_a_job_off(stubs: Stubs) -> None:
    (stubs.folder / "state").write_text("Terminated\n")
    _drain(stubs)
    assert stubs.said("systemctl kill") == []


def test_before_spot_takes_a_machine_its_jobs_are_handed_back(stubs: Stubs) -> None:
    (stubs.folder / "spot").touch()
    (stubs.folder / "left").write_text("1000000\n")
    said = _drain(stubs)
    assert "handed back" in said
    assert stubs.said("systemctl kill") == [
        "systemctl kill --signal=TERM --kill-whom=main gas-annotator"
    ]


def test_a_spot_machine_whose_jobs_end_in_time_hands_nothing_back(stubs: Stubs) -> None:
    (stubs.folder / "spot").touch()
    _drain(stubs, GAS_SPOT_PATIENCE="90")
    assert stubs.said("systemctl kill") == []


def test_a_machine_that_stays_is_left_alone(stubs: Stubs) -> None:
    # The state changes after a few looks.
    counting = 'here=$(dirname "$0"); echo x >>"$here/looks"\n'
    change = '[ "$(wc -l <"$here/looks")" -lt 12 ] || echo Terminated >"$here/state"\n'
    stubs.add("curl", counting + change + METADATA)
    _drain(stubs)
    looks_before_the_stop = stubs.calls.index("systemctl stop --no-block gas-annotator")
    assert looks_before_the_stop >= 10
