"""A load balancer of a few lines: each request to the next web process that takes it.

    with round_robin() as balancer:
        balancer.backends[:] = ["127.0.0.1:5001", "127.0.0.1:5002"]

Like the real one it gives a request that never reached a process to another, and passes on the
host the browser asked for.
"""

import contextlib
import itertools
import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECONDS = 60
KEPT_BACK = frozenset({"connection", "keep-alive", "transfer-encoding", "server", "date"})


class Balancer(ThreadingHTTPServer):
    """The listening end; `answered` tells which process answered each request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Turn)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.backends: list[str] = []
        self.answered: list[str] = []
        self._turns = itertools.count()

    def order(self) -> list[str]:
        """Every process once, beginning with the one whose turn it is."""
        known = list(self.backends)
        start = next(self._turns) % len(known) if known else 0
        return known[start:] + known[:start]


class _Turn(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Balancer

    def do_GET(self) -> None:
        self._pass_on()

    def do_POST(self) -> None:
        self._pass_on()

    def do_HEAD(self) -> None:
        self._pass_on()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        for backend in self.server.order():
            connection = HTTPConnection(backend, timeout=SECONDS)
            try:
                connection.connect()
            except OSError:
                continue  # It is down: nothing of the request reached it.
            try:
                connection.request(self.command, self.path, body, dict(self.headers.items()))
                self._answer(connection.getresponse())
            except OSError:
                self._say(502)
            else:
                self.server.answered.append(backend)
            finally:
                connection.close()
            return
        self._say(503)

    def _answer(self, answer: HTTPResponse) -> None:
        body = answer.read()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in KEPT_BACK | {"content-length"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _say(self, status: int) -> None:
        self.send_response_only(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextlib.contextmanager
def round_robin() -> Iterator[Balancer]:
    """Serve for as long as the block lasts."""
    with Balancer() as balancer:
        thread = threading.Thread(target=balancer.serve_forever, daemon=True)
        thread.start()
        try:
            yield balancer
        finally:
            balancer.shutdown()
            thread.join()
