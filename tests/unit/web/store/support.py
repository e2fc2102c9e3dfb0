"""A store process of its own, on a free port, and what is sent to it."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

from gas.adapters.clock import SystemClock
from gas.adapters.embedded import EmbeddedPorts, connect_embedded
from gas.config import Settings, environment
from gas.ports import UploadForm
from tests.adapters.worlds.embedded import embedded_settings

START_SECONDS = 60
KEY = "gas/ada/job-1~sample.vcf"
BACK = "http://127.0.0.1:8080/annotate/job-1?x=1"


@dataclass
class StoreProcess:
    """`python -m web.store`, and the ports of the same home."""

    settings: Settings
    env: dict[str, str]
    ports: EmbeddedPorts
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.settings.store_url)
        return str(parts.hostname), int(parts.port or 80)

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "web.store"],
            env=self.env,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            with suppress(OSError):
                if self.get("/healthz").status == 200:
                    return
            time.sleep(0.05)
        raise AssertionError("the store did not start")

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        assert self.process
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, how)
        self.process.wait(30)
        self.process = None

    def connect(self) -> HTTPConnection:
        return HTTPConnection(*self.address, timeout=60)

    def get(
        self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> "Reply":
        connection = self.connect()
        connection.request(method, path, headers=dict(headers or {}))
        return Reply.of(connection)

    def follow(self, link: str, method: str = "GET", **headers: str) -> "Reply":
        parts = urlsplit(link)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.get(f"{parts.path}?{parts.query}", method, named)

    def form(
        self,
        key: str = KEY,
        *,
        max_bytes: int = 1000,
        redirect_to: str | None = BACK,
        seconds: float = 60,
    ) -> UploadForm:
        return self.ports.inputs.upload_form(
            key,
            max_bytes=max_bytes,
            content_type="application/octet-stream",
            expires_in=timedelta(seconds=seconds),
            redirect_to=redirect_to,
        )

    def post(
        self, form: UploadForm, body: bytes, headers: Mapping[str, str] | None = None
    ) -> "Reply":
        content_type, content = multipart(form.fields, body)
        connection = self.connect()
        connection.request(
            "POST",
            urlsplit(form.url).path,
            body=content,
            headers={"Content-Type": content_type, **(headers or {})},
        )
        return Reply.of(connection)

    def worker(self) -> int:
        """The process that serves: the child of the one that watches it."""
        assert self.process
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(path.read_text().split()[0])


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of(cls, connection: HTTPConnection) -> "Reply":
        response: HTTPResponse = connection.getresponse()
        body = response.read()
        connection.close()
        return cls(response.status, dict(response.getheaders()), body)


def multipart(fields: Mapping[str, str], body: bytes, *, last: str = "file") -> tuple[str, bytes]:
    boundary = secrets.token_hex(8)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    head = "".join(parts) + (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{last}"; filename="x.vcf"\r\n'
        "Content-Type: text/vcard\r\n\r\n"
    )
    content = head.encode() + body + f"\r\n--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={boundary}", content


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def make_store(home: Path) -> StoreProcess:
    changes = {"GAS_STORE_URL": f"http://127.0.0.1:{free_port()}"}
    settings = embedded_settings(home, **changes)
    named = {
        "GAS_HOME": str(home),
        "GAS_BASE_URL": settings.base_url,
        "GAS_SECRET_KEY": settings.secret_key,
        "DATABASE_URL": settings.database_url,
        "GAS_GLOBUS_CLIENT_ID": "client",
        "GAS_GLOBUS_CLIENT_SECRET": "secret",
    }
    return StoreProcess(
        settings=settings,
        env={**environment(), **named, **changes},
        ports=connect_embedded(settings, SystemClock()),
    )
