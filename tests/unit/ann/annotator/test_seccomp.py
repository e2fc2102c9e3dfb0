"""The seccomp filter, run by an interpreter of its own: both architectures on any machine."""

import errno
import struct

import pytest

from ann import seccomp

PID = 4242
ARCHES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ALLOW, KILL = 0x7FFF0000, 0x80000000
EPERM, ENOSYS = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
READ, WRITE, MMAP, OPENAT = (
    {"x86_64": 0, "aarch64": 63},
    {"x86_64": 1, "aarch64": 64},
    {"x86_64": 9, "aarch64": 222},
    {"x86_64": 257, "aarch64": 56},
)
EXIT_GROUP = {"x86_64": 231, "aarch64": 94}


def verdict(machine: str, number: int, argument: int = 0, arch: int | None = None) -> int:
    """What the kernel would answer: classic BPF as far as the filter uses it."""
    program = seccomp.build(machine, PID)
    assert program is not None
    steps = list(struct.iter_unpack("=HBBI", program))
    # struct seccomp_data: the number, the architecture, an address, the arguments.
    data = struct.pack("=IIQQ", number, arch or ARCHES[machine], 0, argument)
    accumulator = position = 0
    while True:
        code, if_true, if_false, value = steps[position]
        position += 1
        if code == 0x06:
            return int(value)
        if code == 0x20:
            [accumulator] = struct.unpack_from("=I", data, value)
            continue
        taken = {
            0x15: accumulator == value,
            0x35: accumulator >= value,
            0x45: bool(accumulator & value),
        }[code]
        position += if_true if taken else if_false


@pytest.mark.parametrize("machine", ARCHES)
def test_every_call_that_leads_out_is_refused(machine: str) -> None:
    column = 0 if machine == "x86_64" else 1
    for name, numbers in seccomp._REFUSED.items():
        if (number := numbers[column]) is not None:
            assert verdict(machine, number) == EPERM, name


@pytest.mark.parametrize("machine", ARCHES)
@pytest.mark.parametrize("numbers", [READ, WRITE, MMAP, OPENAT, EXIT_GROUP])
def test_what_every_program_needs_is_allowed(machine: str, numbers: dict[str, int]) -> None:
    assert verdict(machine, numbers[machine]) == ALLOW


@pytest.mark.parametrize("machine", ARCHES)
def test_threads_may_be_made_and_processes_may_not(machine: str) -> None:
    clone = seccomp._CLONE[0 if machine == "x86_64" else 1]
    thread, process = 0x003D0F00, 0x01200011  # What glibc passes for each.
    assert verdict(machine, clone, thread) == ALLOW
    assert verdict(machine, clone, process) == EPERM
    assert verdict(machine, 435) == ENOSYS  # clone3, which glibc then does without.


@pytest.mark.parametrize("machine", ARCHES)
def test_a_process_may_signal_only_itself(machine: str) -> None:
    for numbers in seccomp._KILL_CALLS.values():
        number = numbers[0 if machine == "x86_64" else 1]
        assert verdict(machine, number, PID) == ALLOW
        for other in (1, PID + 1, 0, 0xFFFFFFFF):
            assert verdict(machine, number, other) == EPERM


@pytest.mark.parametrize("machine", ARCHES)
def test_calls_by_another_architectures_numbers_end_the_process(machine: str) -> None:
    assert verdict(machine, READ[machine], arch=0x40000003) == KILL


def test_the_numbers_of_x32_are_refused() -> None:
    assert verdict("x86_64", 0x40000000 + 41) == EPERM


def test_an_unknown_machine_gets_no_filter() -> None:
    assert seccomp.build("riscv64", PID) is None


def test_no_call_is_named_twice() -> None:
    for column in (0, 1):
        numbers = [both[column] for both in seccomp._REFUSED.values() if both[column] is not None]
        assert len(numbers) == len(set(numbers))
