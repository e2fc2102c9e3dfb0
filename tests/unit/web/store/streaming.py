"""Objects of any size through the door, and how much memory a process holds."""

import hashlib
import re
import secrets
import socket
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from tests.unit.web.store.support import StoreProcess, multipart

MIB = 1024 * 1024
BLOCK = secrets.token_bytes(MIB)
LARGE = "gas/ada/large~x.vcf"


def upload(store: StoreProcess, blocks: int) -> str:
    """Send that many MiB as a browser does; returns their MD5."""
    digest = hashlib.md5(usedforsecurity=False)
    content_type, content = multipart(store.form(LARGE, max_bytes=10**10).fields, b"")
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


def download(store: StoreProcess, start: int, length: int) -> str:
    """Fetch a range; returns the MD5 of what came."""
    link = urlsplit(store.ports.inputs.link(LARGE, file_name="x", expires_in=timedelta(minutes=10)))
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


def forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def rss(pid: int, which: str) -> int:
    """Bytes of memory the process holds (VmRSS), or has held since `forget_peak` (VmHWM)."""
    found = re.search(rf"{which}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) * 1024
