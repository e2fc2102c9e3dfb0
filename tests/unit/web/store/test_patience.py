"""A client that stands still holds up nobody else, and not without end."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gas.domain.errors import ConfigurationError, ObjectNotFoundError
from tests.adapters.worlds.embedded import embedded_settings
from tests.unit.web.store.support import StoreProcess, make_store, multipart
from web.store import patience
from web.store.__main__ import _address
from web.store.patience import PatientSocket

STALLED = 16
HALF_HEAD = b"POST /gas-inputs HTTP/1.1\r\nHost: x\r\nContent-Ty"


def _half_an_upload(store: StoreProcess, number: int) -> bytes:
    content_type, content = multipart(store.form(f"gas/ada/stalled-{number}~x.vcf").fields, b"xx")
    head = (
        f"POST /gas-inputs HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content[: -20 if number % 2 else len(content) // 2]


def test_stalled_uploads_do_not_hold_up_another(store: StoreProcess) -> None:
    sent = (
        [_half_an_upload(store, number) for number in range(STALLED)]
        + [HALF_HEAD] * STALLED
        + [b""] * STALLED * 4
    )
    clients = [socket.create_connection(store.address, timeout=30) for _ in sent]
    try:
        for client, begun in zip(clients, sent, strict=True):
            client.sendall(begun)
        assert store.get("/healthz").status == 200
        assert store.post(store.form("gas/ada/passes~x.vcf"), b"x").status == 303
        # They are still there, and still stalled.
        assert not any(_has_answer(client) for client in clients[: STALLED * 2])
    finally:
        for client in clients:
            client.close()


def _has_answer(client: socket.socket) -> bool:
    client.settimeout(0)
    try:
        client.recv(1)
    except BlockingIOError:
        return False
    return True


@pytest.fixture
def pair() -> Iterator[tuple[PatientSocket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with PatientSocket(ours) as patient, theirs:
        yield patient, theirs


def test_a_client_that_stands_still_counts_as_gone(
    pair: tuple[PatientSocket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "IDLE_SECONDS", 0.01)
    patient, _ = pair
    patient.allow(60)
    with pytest.raises(ConnectionResetError):
        patient.recv(1)


def test_a_client_that_trickles_counts_as_gone_when_its_time_is_over(
    pair: tuple[PatientSocket, socket.socket],
) -> None:
    patient, theirs = pair
    theirs.sendall(b"xx")
    patient.allow(60)
    assert patient.recv(1) == b"x"
    patient.allow(0)
    with pytest.raises(ConnectionResetError):
        patient.recv(1)


def test_a_client_that_takes_nothing_counts_as_gone(
    pair: tuple[PatientSocket, socket.socket],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(patience, "IDLE_SECONDS", 0.01)
    patient, _ = pair
    with pytest.raises(ConnectionResetError):
        patient.sendall(b"x" * 10_000_000)
    (tmp_path / "file").write_bytes(b"x" * 10_000_000)
    with (tmp_path / "file").open("rb") as file, pytest.raises(ConnectionResetError):
        patient.sendfile(file)


def test_a_client_answered_early_sees_its_answer(
    pair: tuple[PatientSocket, socket.socket],
) -> None:
    patient, theirs = pair
    patient.sendall(b"no")
    sender = threading.Thread(target=theirs.sendall, args=(b"x" * 1_000_000,))
    sender.start()
    closer = threading.Thread(target=patient.linger)
    closer.start()
    sender.join()
    theirs.shutdown(socket.SHUT_WR)
    closer.join()
    assert theirs.recv(10) == b"no"
    assert theirs.recv(10) == b""


def test_a_killed_store_leaves_nothing_of_an_upload_behind(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    store.start()
    try:
        content_type, content = multipart(store.form(max_bytes=10**8).fields, b"x" * 1_000_000)
        head = (
            f"POST /gas-inputs HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        new = store.settings.home / "objects/new"
        with socket.create_connection(store.address, timeout=30) as client:
            client.sendall(head.encode() + content[:-1000])
            _until(lambda: sum(path.stat().st_size for path in new.iterdir()) > 0)
            store.kill()
        assert len(list(new.iterdir())) == 1
        store.start()
        assert not list(new.iterdir())
        with pytest.raises(ObjectNotFoundError):
            store.ports.inputs.head("gas/ada/job-1~sample.vcf")
        assert store.post(store.form(), b"x").status == 303
    finally:
        store.kill(signal.SIGTERM)


def test_a_store_whose_worker_is_killed_serves_again(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    store.start()
    try:
        store.post(store.form(), b"here")
        before = store.worker()
        os.kill(before, signal.SIGKILL)
        _until(lambda: _serves(store))
        assert store.worker() != before
        assert store.ports.inputs.read("gas/ada/job-1~sample.vcf", length=10) == b"here"
    finally:
        store.kill(signal.SIGTERM)


def test_a_store_killed_alone_leaves_its_address_free_at_once(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    store.start()
    try:
        assert store.process
        worker = store.worker()
        # Standing still, it cannot find out for itself.
        os.kill(worker, signal.SIGSTOP)
        store.process.kill()
        store.process.wait(30)
        _until(lambda: not Path(f"/proc/{worker}").exists())
        with socket.socket() as successor:
            successor.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            successor.bind(store.address)
        store.start()
        assert store.post(store.form(), b"x").status == 303
    finally:
        store.kill()


@pytest.mark.parametrize(
    ("url", "bind", "address"),
    [
        ("http://127.0.0.1:8081", "", "127.0.0.1:8081"),
        ("http://[::1]:8081", "", "[::1]:8081"),
        ("http://gas.example.org", "", "gas.example.org:80"),
        ("https://files.example.org", "127.0.0.1:8081", "127.0.0.1:8081"),
    ],
)
def test_the_store_listens_where_browsers_reach_it_or_where_told(
    tmp_path: Path, url: str, bind: str, address: str
) -> None:
    settings = embedded_settings(tmp_path, GAS_STORE_URL=url, GAS_STORE_BIND=bind)
    assert _address(settings) == address


def test_a_store_behind_a_proxy_must_be_told_where_to_listen(tmp_path: Path) -> None:
    settings = embedded_settings(tmp_path, GAS_STORE_URL="https://files.example.org")
    with pytest.raises(ConfigurationError, match="GAS_STORE_BIND"):
        _address(settings)


def _serves(store: StoreProcess) -> bool:
    try:
        return store.get("/healthz").status == 200
    except OSError:
        return False


def _until(condition: object) -> None:
    assert callable(condition)
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)
