"""How long the store waits for a client: never without end, and never on the thread that accepts.

A client that stands still, or trickles, holds one thread for a bounded time; a connection that has
said nothing yet holds none.
"""

import ctypes
import errno
import signal
import socket
import time
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

IDLE_SECONDS = 15.0
"""Longest time without one byte from, or to, a client in the middle of a request."""

HEAD_SECONDS = 15.0
"""Longest time for the head of a request."""

BODY_SECONDS = 60.0
SLOWEST_BYTES_A_SECOND = 32 * 1024
"""A body may take a minute, and then as long as a connection this slow needs for it."""

LINGER_SECONDS = 5.0
LINGER_BYTES = 64 * 1024 * 1024
"""What is still taken from a client that was answered early, so that it sees the answer."""


PR_SET_PDEATHSIG = 1
"""From linux/prctl.h."""


class PatientSocket(socket.socket):
    """A connection with a limit to each wait, and one moment by which all must have come."""

    def __init__(self, taken: socket.socket) -> None:
        super().__init__(taken.family, taken.type, taken.proto, fileno=taken.detach())
        self._until = 0.0

    def allow(self, seconds: float) -> None:
        """From now on, all must have come within that time."""
        self._until = time.monotonic() + seconds

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Some bytes; a client that is too slow counts as one that is gone."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise _gone()
        self.settimeout(min(IDLE_SECONDS, left))
        try:
            return super().recv(size, flags)
        except TimeoutError:
            raise _gone() from None

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Send it all; a client that takes nothing counts as one that is gone."""
        self.settimeout(IDLE_SECONDS)
        try:
            super().sendall(data, flags)
        except TimeoutError:
            raise _gone() from None

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        """Send part of a file, as `sendall`."""
        self.settimeout(IDLE_SECONDS)
        try:
            return super().sendfile(file, offset, count)
        except TimeoutError:
            raise _gone() from None

    def linger(self) -> None:
        """Say that no more will come, and take what the client is still sending."""
        with suppress(OSError):
            self.shutdown(socket.SHUT_WR)
            self.allow(LINGER_SECONDS)
            taken = 0
            while taken < LINGER_BYTES and (data := self.recv(65536)):
                taken += len(data)
        with suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threaded worker on such connections."""

    def init_process(self) -> None:
        """Begin to serve, and end at once with the process that watches this one.

        Left alone it would hold the address for a second or more against its successor.
        """
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        super().init_process()

    def enqueue_req(self, conn: TConn) -> None:
        """Give a thread to a connection that has something to say; let the others wait outside."""
        if not isinstance(conn.sock, PatientSocket):
            conn.sock = PatientSocket(conn.sock)
            conn.sock.settimeout(0)
            conn.timeout = time.monotonic() + HEAD_SECONDS
            self.pending_conns.append(conn)
            self.poller.register(
                conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn)
            )
            return
        super().enqueue_req(conn)

    def handle(self, conn: TConn) -> object:
        """Serve a request, then, where it was the last, part from the client in peace."""
        conn.sock.allow(HEAD_SECONDS)
        keep = super().handle(conn)
        if keep is False:
            conn.sock.linger()
        return keep

    def handle_request(self, req: Any, conn: TConn) -> object:
        """Serve a request whose head has come."""
        length = next((text for name, text in req.headers if name == "CONTENT-LENGTH"), "0")
        size = int(length) if length.isdigit() else 0
        conn.sock.allow(BODY_SECONDS + size / SLOWEST_BYTES_A_SECOND)
        return super().handle_request(req, conn)


def _gone() -> ConnectionResetError:
    return ConnectionResetError(errno.ECONNRESET, "the client was too slow")
