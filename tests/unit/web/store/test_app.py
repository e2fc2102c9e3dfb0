"""The door without a server in front: what goes wrong inside it."""

import io
import logging
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from gas.adapters.embedded import StorePorts, connect_store
from gas.adapters.memory import MemoryClock
from gas.domain.errors import OutageError
from tests.adapters.worlds.embedded import embedded_settings
from web.store.app import create_store

Ask = Callable[[str, str], tuple[str, dict[str, str], bytes]]


@pytest.fixture
def clock() -> MemoryClock:
    return MemoryClock()


@pytest.fixture
def ports(tmp_path: Path, clock: MemoryClock) -> StorePorts:
    return connect_store(embedded_settings(tmp_path), clock)


@pytest.fixture
def ask(ports: StorePorts) -> Ask:
    door = create_store(store=ports.store, forms=ports.forms, base_url="http://127.0.0.1:8080")

    def ask(method: str, address: str) -> tuple[str, dict[str, str], bytes]:
        said: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]]) -> None:
            said.update(status=status, headers=dict(headers))

        parts = urlsplit(address)
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "wsgi.input": io.BytesIO(),
            "wsgi.file_wrapper": _wrapped,
        }
        body = b"".join(door(environ, start_response))
        return said["status"], said["headers"], body

    return ask


def _wrapped(file: io.BufferedIOBase, _size: int) -> Iterable[bytes]:
    with file:
        return [file.read()]


def _link(ports: StorePorts) -> str:
    with ports.store.writing() as new:
        new.write(b"body")
        ports.store.publish(new, "gas-inputs", "k", content_type="text/plain", file_name="k")
    return ports.forms.link("gas-inputs", "k", file_name="k", expires_in=timedelta(minutes=5))


def test_a_link_works_until_the_moment_it_expires(
    ask: Ask, ports: StorePorts, clock: MemoryClock
) -> None:
    link = _link(ports)
    clock.advance(timedelta(minutes=5, microseconds=-1))
    assert ask("GET", link)[0] == "200 OK"
    clock.advance(timedelta(microseconds=1))
    assert ask("GET", link)[0] == "403 Forbidden"


def test_an_outage_of_the_disk_says_when_to_come_back(
    ask: Ask, ports: StorePorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = _link(ports)

    def refuse(*_: object) -> None:
        raise OutageError("no disk")

    monkeypatch.setattr(type(ports.store), "find", refuse)
    status, headers, body = ask("GET", link)
    assert status == "503 Service Unavailable"
    assert headers["Retry-After"] == "10"
    assert b"<Code>ServiceUnavailable</Code>" in body


def test_a_bug_is_answered_and_logged_without_the_address(
    ask: Ask,
    ports: StorePorts,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    link = _link(ports)

    def break_down(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(type(ports.store), "find", break_down)
    with caplog.at_level(logging.INFO):
        status, _, body = ask("GET", link)
    assert status == "500 Internal Server Error"
    assert b"ZeroDivision" not in body
    assert "a request to the store failed" in caplog.text
    assert "signature" not in caplog.text
    assert link.partition("signature=")[2] not in caplog.text


def test_every_answer_forbids_sniffing_and_running(ask: Ask, ports: StorePorts) -> None:
    for address in (_link(ports), "/healthz", "/nowhere", "/gas-inputs/k"):
        _, headers, _ = ask("GET", address)
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert headers["Referrer-Policy"] == "no-referrer"
