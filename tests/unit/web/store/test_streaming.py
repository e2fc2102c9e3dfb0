"""Objects of any size pass through the door without filling its memory."""

import hashlib
import re
import secrets
import socket
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.unit.web.store.conftest import StoreProcess, multipart

MIB = 1024 * 1024
BLOCK = secrets.token_bytes(MIB)
GROWTH_LIMIT = 16 * MIB
"""Most the process may grow by while an object of any size passes."""

KEY = "gas/ada/large~x.vcf"


@pytest.mark.parametrize(
    "blocks",
    [
        pytest.param(64, id="64 MiB"),
        pytest.param(2048, id="2 GiB", marks=[pytest.mark.full, pytest.mark.timeout(600)]),
    ],
)
def test_memory_stays_flat_whatever_passes(store: StoreProcess, blocks: int) -> None:
    store.post(store.form(), b"x")
    store.follow(
        store.ports.inputs.link(
            "gas/ada/job-1~sample.vcf", file_name="x", expires_in=timedelta(minutes=5)
        )
    )
    _forget_peak(store.worker())
    before = _peak(store.worker())
    etag = _upload(store, blocks)
    info = store.ports.inputs.head(KEY)
    assert (info.size, info.etag) == (blocks * MIB, etag)
    assert _download(store, 0, blocks * MIB) == etag
    deep = _download(store, blocks * MIB - MIB, MIB)
    assert deep == hashlib.md5(BLOCK, usedforsecurity=False).hexdigest()
    assert _peak(store.worker()) - before < GROWTH_LIMIT
    store.ports.inputs.delete(KEY)


def _upload(store: StoreProcess, blocks: int) -> str:
    """Send that many MiB as a browser does; returns their MD5."""
    digest = hashlib.md5(usedforsecurity=False)
    content_type, content = multipart(store.form(KEY, max_bytes=10**10).fields, b"")
    cut = content.rindex(b"\r\n--")
    head = (
        f"POST /gas-inputs HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(content) + blocks * MIB}\r\n\r\n"
    )
    with socket.create_connection(store.address, timeout=120) as client:
        client.sendall(head.encode() + content[:cut])
        for _ in range(blocks):
            client.sendall(BLOCK)
            digest.update(BLOCK)
        client.sendall(content[cut:])
        assert client.recv(12) == b"HTTP/1.1 303"
    return digest.hexdigest()


def _download(store: StoreProcess, start: int, length: int) -> str:
    """Fetch a range; returns the MD5 of what came."""
    link = urlsplit(store.ports.inputs.link(KEY, file_name="x", expires_in=timedelta(minutes=10)))
    connection = store.connect()
    headers = {"Range": f"bytes={start}-{start + length - 1}"}
    connection.request("GET", f"{link.path}?{link.query}", headers=headers)
    response = connection.getresponse()
    assert response.status == 206
    digest, came = hashlib.md5(usedforsecurity=False), 0
    while block := response.read(MIB):
        digest.update(block)
        came += len(block)
    connection.close()
    assert came == length
    return digest.hexdigest()


def _forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _peak(pid: int) -> int:
    """Most memory the process has held, in bytes, since `_forget_peak`."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) * 1024
