"""Requests no browser sends, to a real server on loopback."""

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.support.moto_server import free_port
from tests.unit.web.site import ENVIRONMENT

SECONDS = 30.0


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """The web server as it is deployed, in a process of its own."""
    import os  # noqa: PLC0415 - the process's environment
    import subprocess  # noqa: PLC0415 - as above
    import sys  # noqa: PLC0415 - as above
    import time  # noqa: PLC0415 - as above

    port = free_port()
    home = tmp_path_factory.mktemp("web")
    env = {
        **ENVIRONMENT,
        "PATH": os.defpath,
        "GAS_HOME": str(home),
        "GAS_BIND": f"127.0.0.1:{port}",
        "GAS_BASE_URL": f"http://127.0.0.1:{port}",
        "GAS_WEB_WORKERS": "1",
        "DATABASE_URL": f"sqlite:///{home}/accounts.db",
    }
    process = subprocess.Popen([sys.executable, "-m", "web"], env=env, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + SECONDS
        while not _answers(port):
            assert time.monotonic() < end, "the web server did not start"
            time.sleep(0.05)
        yield "127.0.0.1", port
    finally:
        process.terminate()
        process.wait(SECONDS)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _say(address: tuple[str, int], raw: bytes) -> bytes:
    """Everything the server answers until it closes the connection."""
    with socket.create_connection(address, timeout=SECONDS) as connection:
        sender = threading.Thread(target=_send, args=(connection, raw))
        sender.start()
        answer = b""
        try:
            while part := connection.recv(65536):
                answer += part
        except ConnectionResetError:
            pass
        sender.join()
    return answer


def _send(connection: socket.socket, raw: bytes) -> None:
    try:
        connection.sendall(raw)
    except (BrokenPipeError, ConnectionResetError):
        return


def _request(address: tuple[str, int], head: str, body: bytes = b"") -> bytes:
    host = f"{address[0]}:{address[1]}"
    lines = head.replace("HOST", host).replace("\n", "\r\n")
    return _say(address, f"{lines}\r\nConnection: close\r\n\r\n".encode("latin-1") + body)


def _status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


@pytest.mark.parametrize(
    "head",
    [
        f"GET /{'a' * 5000} HTTP/1.1\nHost: HOST",
        f"GET / HTTP/1.1\nHost: HOST\nCookie: gas_session={'a' * 1_000_000}",
        "GET / HTTP/1.1\nHost: HOST\n" + "\n".join(f"X-{n}: 1" for n in range(200)),
        f"GET / HTTP/1.1\nHost: HOST\nX-Long: {'a' * 9000}",
    ],
    ids=["line", "cookie", "many", "field"],
)
def test_headers_that_are_too_large_are_refused(address: tuple[str, int], head: str) -> None:
    answer = _request(address, head)
    # A server may also close a connection on which the sender is still talking.
    assert not answer or 400 <= _status(answer) < 500
    assert _status(_request(address, "GET /healthz HTTP/1.1\nHost: HOST")) == 200


@pytest.mark.parametrize(
    "head",
    [
        "POST / HTTP/1.1\nHost: HOST\nContent-Length: 4\nTransfer-Encoding: chunked",
        "POST / HTTP/1.1\nHost: HOST\nContent-Length: 4\nContent-Length: 5",
        "POST / HTTP/1.1\nHost: HOST\nContent-Length: +4",
        "POST / HTTP/1.1\nHost: HOST\nTransfer-Encoding: xchunked",
        "POST / HTTP/1.1\nHost: HOST\nTransfer-Encoding : chunked",
        "GET / HTTP/1.1\nHost: HOST\nBad Header: x",
    ],
)
def test_a_request_with_two_lengths_is_refused(address: tuple[str, int], head: str) -> None:
    smuggled = b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = _request(address, head, smuggled)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert _status(answer) in {400, 501}


def test_a_header_with_an_underscore_is_not_taken_for_another(address: tuple[str, int]) -> None:
    """X_Forwarded_Proto would become the same variable as X-Forwarded-Proto: it is dropped."""
    head = "GET /annotations HTTP/1.1\nHost: HOST\nX_Forwarded_Host: evil.test\nSec_Fetch_Site: x"
    answer = _request(address, head)
    assert _status(answer) == 302
    assert b"evil" not in answer
