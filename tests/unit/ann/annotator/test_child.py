"""The engine's child as a real process: what it may do, and every way it can end."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ann.child import ForkedEngine
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
    TimedOutError,
)
from gas.domain.job import Progress
from tests.support.fake_engine import DEFAULT_REFERENCE

MIB = 1 << 20
FAKE = "tests.support.fake_engine"


@pytest.fixture(scope="module")
def engine() -> Iterator[ForkedEngine]:
    with ForkedEngine(engine=FAKE) as engine:
        yield engine


@pytest.fixture
def task(tmp_path: Path) -> Task:
    folder = tmp_path / "run"
    (folder / "out").mkdir(parents=True)
    return Task(
        folder=folder,
        input=folder / "input",
        output=folder / "out" / "result.annot.vcf.gz",
        assembly="detect",
        threads=1,
        memory_bytes=512 * MIB,
        file_bytes=16 * MIB,
        time_limit=timedelta(seconds=60),
        stall_limit=timedelta(seconds=60),
    )


def go(
    engine: ForkedEngine,
    task: Task,
    order: str,
    *,
    on_progress: Callable[[Progress], None] = lambda _progress: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Summary:
    task.input.write_text(order)
    return engine.annotate(task, on_progress=on_progress, should_stop=should_stop)


def children(engine: ForkedEngine) -> list[int]:
    listed = Path(f"/proc/{engine.server_pid}/task/{engine.server_pid}/children").read_text()
    return [int(pid) for pid in listed.split()]


def wait_for(what: Callable[[], object]) -> None:
    until = time.monotonic() + 30
    while not what():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_summary_comes_back_whole_with_the_walls_that_stood(
    engine: ForkedEngine, task: Task
) -> None:
    summary = go(engine, task, "say 5 2")
    assert (summary.records_in, summary.records_out, summary.rejected) == (7, 5, 2)
    assert {written.name for written in summary.outputs} == {
        path.name for path in task.output.parent.iterdir()
    }
    assert "rlimits" in summary.sandbox
    assert "no-new-privileges" in summary.sandbox


def test_a_run_reads_the_reference_that_was_prepared_outside(
    engine: ForkedEngine, task: Task
) -> None:
    assert go(engine, task, "say 1 0").reference == str(DEFAULT_REFERENCE)


def test_progress_is_heard_while_the_engine_works(engine: ForkedEngine, task: Task) -> None:
    heard: list[Progress] = []
    with pytest.raises(InterruptedRunError):
        go(engine, task, "slowly", on_progress=heard.append, should_stop=lambda: len(heard) > 2)
    assert heard == sorted(heard, key=lambda progress: progress.records)
    assert 0 < heard[-1].fraction < 1


def test_what_is_wrong_with_the_file_comes_back_with_its_line(
    engine: ForkedEngine, task: Task
) -> None:
    with pytest.raises(InputRefusedError) as refusal:
        go(engine, task, "refuse")
    error = refusal.value
    assert (error.code, error.line, error.hint) == ("not-a-vcf", 1, "Look at it.")


@pytest.mark.parametrize("order", ["crash", "bug", "exit"])
def test_an_engine_that_falls_over_has_crashed(
    engine: ForkedEngine, task: Task, order: str
) -> None:
    with pytest.raises(CrashedError):
        go(engine, task, order)


def test_an_engine_killed_from_outside_has_died(engine: ForkedEngine, task: Task) -> None:
    def kill(_progress: Progress) -> None:
        for pid in children(engine):
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(DiedError):
        go(engine, task, "slowly", on_progress=kill)
    assert go(engine, task, "say 1 0").records_out == 1


def test_an_engine_that_wants_too_much_memory_is_out_of_it(
    engine: ForkedEngine, task: Task
) -> None:
    with pytest.raises(OutOfMemoryError):
        go(engine, task, "gobble")
    assert go(engine, task, "say 1 0").records_out == 1


@pytest.mark.parametrize("order", ["fill", "big"])
def test_an_engine_without_room_says_so(engine: ForkedEngine, task: Task, order: str) -> None:
    with pytest.raises(DiskFullError):
        go(engine, task, order)


def test_a_hung_engine_is_ended(engine: ForkedEngine, task: Task) -> None:
    with pytest.raises(HungError):
        go(engine, replace(task, stall_limit=timedelta(seconds=0.3)), "hang")
    assert not children(engine)


def test_an_engine_is_ended_at_the_time_limit(engine: ForkedEngine, task: Task) -> None:
    with pytest.raises(TimedOutError):
        go(engine, replace(task, time_limit=timedelta(seconds=0.5)), "slowly")
    assert not children(engine)


def test_several_engines_run_side_by_side(engine: ForkedEngine, task: Task) -> None:
    together = threading.Barrier(3, timeout=30)
    ended: list[type[Exception]] = []

    def run(number: int) -> None:
        folder = task.folder / str(number)
        (folder / "out").mkdir(parents=True)
        mine = replace(task, folder=folder, input=folder / "input", output=folder / "out" / "o")
        met: list[int] = []

        def meet(_progress: Progress) -> None:
            if not met:
                met.append(together.wait())

        try:
            go(engine, mine, "slowly", on_progress=meet, should_stop=lambda: bool(met))
        except InterruptedRunError as error:
            ended.append(type(error))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert ended == [InterruptedRunError] * 3


def test_the_walls_refuse_networks_other_files_programs_and_signals(
    engine: ForkedEngine, task: Task, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of somebody else")
    summary = go(engine, task, f"look {secret} {os.getpid()}")
    log = (task.output.parent / "result.count.log").read_text()
    seen = json.loads(log.split("\n", 1)[1])
    if {"namespaces", "seccomp"} <= set(summary.sandbox):
        for what in ("tcp", "udp", "unix", "fork", "exec", "signal"):
            assert seen[what] == "EPERM", what
    if any(wall.startswith("landlock") for wall in summary.sandbox):
        assert (seen["read"], seen["write"]) == ("EACCES", "EACCES")
    assert seen["own"] == "allowed"
    assert "GAS_" not in seen["environment"]
    assert "AWS_" not in seen["environment"]


def test_this_machine_grants_every_wall(engine: ForkedEngine, task: Task) -> None:
    sandbox = go(engine, task, "say 1 0").sandbox
    missing = {"namespaces", "seccomp"} - set(sandbox)
    if not any(wall.startswith("landlock") for wall in sandbox):
        missing.add("landlock")
    if missing:
        pytest.skip(f"the kernel refuses {sorted(missing)} here; the other walls were tested")


def test_children_die_with_their_server_and_the_run_with_them(task: Task) -> None:
    with ForkedEngine(engine=FAKE) as engine:
        pids: list[int] = []

        def kill_server(_progress: Progress) -> None:
            pids.extend(children(engine))
            os.kill(engine.server_pid, signal.SIGKILL)

        with pytest.raises(DiedError):
            go(engine, task, "slowly", on_progress=kill_server)
        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
        wait_for(lambda: not engine.is_alive())
        with pytest.raises(DiedError):
            go(engine, task, "say 1 0")
    assert pids


def test_an_engine_that_cannot_be_made_ready_is_told_at_the_start() -> None:
    with pytest.raises(DiedError):
        ForkedEngine(engine="tests.support.no_such_engine")
