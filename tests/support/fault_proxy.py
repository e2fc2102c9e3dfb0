"""A door in front of an emulator of AWS that fails as AWS does, on demand.

    with fault_proxy(moto.endpoint) as proxy:
        proxy.fail(Fault(kind="refuse", method="PUT", path="/results", times=3))

It passes every request on as it is.  A fault meets the requests it fits, that many times.
"""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import urlsplit

DROPPED = {"connection", "transfer-encoding", "content-length"}
SLOW_DOWN = (
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)
THROTTLED = b'{"__type":"com.amazonaws.dynamodb#ThrottlingException","message":"Rate exceeded"}'


@dataclass
class Fault:
    """What goes wrong, with which requests, and how often.

    refuse: 503 SlowDown.  throttle: 400 ThrottlingException.  cut: half of the answer's body, then
    the end of the connection.  mute: the request takes place and its answer is lost.
    """

    kind: Literal["refuse", "throttle", "cut", "mute"]
    method: str
    path: str = "/"
    target: str = ""
    times: int = 1
    met: int = 0

    def fits(self, method: str, path: str, target: str) -> bool:
        return (
            self.met < self.times
            and method == self.method
            and path.startswith(self.path)
            and self.target in target
        )


@dataclass
class Proxy:
    """A running door; what it lets through goes to `behind`."""

    endpoint: str
    behind: str
    faults: list[Fault] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(self, fault: Fault) -> Fault:
        self.faults.append(fault)
        return fault

    def meet(self, method: str, path: str, target: str) -> str:
        """The fault of this request, which is now met once more."""
        with self.lock:
            for fault in self.faults:
                if fault.fits(method, path, target):
                    fault.met += 1
                    return fault.kind
        return ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy

    def handle_any(self) -> None:
        body = self._body()
        target = self.headers.get("X-Amz-Target", "")
        kind = self.proxy.meet(self.command, self.path, target)
        if kind == "refuse":
            self._answer(503, [("Content-Type", "application/xml")], SLOW_DOWN)
            return
        if kind == "throttle":
            self._answer(400, [("Content-Type", "application/x-amz-json-1.0")], THROTTLED)
            return
        status, headers, answer = self._pass_on(body)
        if kind == "mute":
            self.close_connection = True
            return
        self._answer(status, headers, answer, cut=kind == "cut")

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any  # noqa: N815 - names of the base

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(pieces)

    def _pass_on(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        parts = urlsplit(self.proxy.behind)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
        try:
            # Its own Host goes along: the request's signature covers it.
            headers = {name: value for name, value in self.headers.items() if name != "Expect"}
            headers.pop("Transfer-Encoding", None)
            headers["Content-Length"] = str(len(body))
            connection.request(self.command, self.path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def _answer(
        self, status: int, headers: list[tuple[str, str]], body: bytes, *, cut: bool = False
    ) -> None:
        self.send_response_only(status)
        told = {name.lower(): value for name, value in headers}
        for name, value in headers:
            if name.lower() not in DROPPED:
                self.send_header(name, value)
        length = told.get("content-length") if self.command == "HEAD" else str(len(body))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self.wfile.flush()
            time.sleep(0.1)
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def fault_proxy(behind: str) -> Iterator[Proxy]:
    """Open the door on a free loopback port; close it in the end."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    proxy = Proxy(endpoint=f"http://127.0.0.1:{server.server_port}", behind=behind)
    handler.proxy = proxy  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
