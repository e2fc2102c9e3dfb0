"""A seccomp filter against everything the engine never does: networks, programs, other processes.

A refused call fails with EPERM, so that a library sees an error it knows.  Call numbers are those
of the kernel's syscall tables for x86-64 and arm64; elsewhere there is no filter.
"""

import ctypes
import errno
import os
import platform
import struct

_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_ANY_BIT = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_KILL = 0x80000000
_NUMBER, _ARCH, _ARGUMENT = 0, 4, 16  # offsets into struct seccomp_data
_CLONE_THREAD = 0x00010000
_X32 = 0x40000000
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2

_ARCHES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}

# name: (x86-64, arm64); None where the table has no such call.
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200),
    "listen": (50, 201), "accept": (43, 202), "accept4": (288, 242), "sendto": (44, 206),
    "sendmsg": (46, 211), "sendmmsg": (307, 269), "io_uring_setup": (425, 425),
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424), "pidfd_getfd": (438, 438),
    "tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsmount": (432, 432),
    "mount_setattr": (442, 442), "unshare": (272, 97), "setns": (308, 268), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "add_key": (248, 217),
    "request_key": (249, 218), "keyctl": (250, 219), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "reboot": (169, 142), "swapon": (167, 224),
    "swapoff": (168, 225), "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "acct": (163, 89),
    "quotactl": (179, 60), "iopl": (172, None), "ioperm": (173, None), "personality": (135, 92),
}  # fmt: skip
_KILL_CALLS = {"kill": (62, 129), "tgkill": (234, 131)}
_CLONE, _CLONE3 = (56, 220), (435, 435)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def build(machine: str, pid: int) -> bytes | None:
    """The filter's program for one process, which may signal only itself; None: not known here."""
    if machine not in _ARCHES:
        return None
    arch, column = _ARCHES[machine]
    refuse = _step(_RETURN, _ERRNO | errno.EPERM)
    allow = _step(_RETURN, _ALLOW)
    steps = [
        _step(_LOAD, _ARCH),
        _step(_EQUAL, arch, if_true=1),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
    ]
    if machine == "x86_64":
        steps += [_step(_AT_LEAST, _X32, if_false=1), refuse]
    # glibc falls back to clone, whose flags can be seen, where clone3 is missing.
    steps += [_step(_EQUAL, _CLONE3[column], if_false=1), _step(_RETURN, _ERRNO | errno.ENOSYS)]
    steps += [
        _step(_EQUAL, _CLONE[column], if_false=4),
        _step(_LOAD, _ARGUMENT),
        _step(_ANY_BIT, _CLONE_THREAD, if_false=1),
        allow,
        refuse,
    ]
    for numbers in _KILL_CALLS.values():
        steps += [
            _step(_EQUAL, numbers[column], if_false=4),
            _step(_LOAD, _ARGUMENT),
            _step(_EQUAL, pid, if_false=1),
            allow,
            refuse,
        ]
    for refused in _REFUSED.values():
        number = refused[column]
        if number is not None:
            steps += [_step(_EQUAL, number, if_false=1), refuse]
    return b"".join([*steps, allow])


def enter(libc: ctypes.CDLL) -> bool:
    """Put the filter in force for this process; needs no_new_privs.  Whether it is."""
    program = build(platform.machine(), os.getpid())
    if program is None:
        return False
    loaded = _Program(len(program) // 8, program)
    done = libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(loaded), 0, 0)
    return bool(done == 0)
