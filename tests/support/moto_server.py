"""Moto's server as a process, for journeys of the whole service through boto3.

    with moto_server() as aws:
        start_something(env=aws.environment)
        aws.mails()

What differs from `moto_server` itself: requests other than S3's are served one after another,
because moto's own structures lose messages and let two conditional writes pass when threads meet;
queues are fair between message groups; and `/sent-mails` tells what SES was given.
"""

import argparse
import contextlib
import email
import email.policy
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from moto.ses.models import ses_backends
from werkzeug.serving import make_server

from tests.support.cold_store import ColdStore
from tests.support.fair_sqs import make_sqs_fair

ROOT = Path(__file__).resolve().parents[2]
REGION = "us-east-1"
ACCESS_KEY = "testing"
SECRET_KEY = "a secret key of the tests"
STARTS_WITHIN = 60.0
STOPS_WITHIN = 10.0
LIVES_AT_MOST = 1800.0
POLL_STEP = 0.02
WATCH_STEP = 0.5

Environ = dict[str, Any]
Answer = tuple[str, list[tuple[str, str]], list[bytes]]

_SCOPE = re.compile(r"/([a-z0-9]+)/aws4_request")


@dataclass(frozen=True, kw_only=True)
class SentMail:
    """One e-mail that SES accepted."""

    to: str
    subject: str
    mail_id: str
    text: str
    html: str


@dataclass(kw_only=True)
class MotoServer:
    """A running server."""

    endpoint: str
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """What a process of the service needs in its environment to live on this server."""
        return {
            "GAS_BACKEND": "aws",
            "GAS_AWS_ENDPOINT": self.endpoint,
            "GAS_AWS_REGION": REGION,
            "GAS_AWS_ACCOUNT_ID": DEFAULT_ACCOUNT_ID,
            **credentials(),
        }

    def mails(self) -> list[SentMail]:
        """Every e-mail accepted so far, oldest first."""
        with urllib.request.urlopen(f"{self.endpoint}/sent-mails", timeout=30) as answer:  # noqa: S310 - our own loopback server
            return [SentMail(**row) for row in json.load(answer)]


def credentials() -> dict[str, str]:
    """Credentials for the SDK, by the SDK's own names, and no others from this machine."""
    return {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


@contextlib.contextmanager
def moto_server(*options: str) -> Iterator[MotoServer]:
    """Start a server on a free loopback port, and stop it by its pid."""
    port = free_port()
    command = [sys.executable, "-m", "tests.support.moto_server", "--port", str(port), *options]
    with running(command, port) as process:
        yield MotoServer(endpoint=f"http://127.0.0.1:{port}", process=process)


@contextlib.contextmanager
def running(command: Sequence[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours that listens on that loopback port, for as long as the block lasts."""
    bounded = [*command, "--starter", str(os.getpid())]
    process = subprocess.Popen(bounded, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, process)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def bound_life(seconds: float, starter: int | None) -> None:
    """End this process at SIGTERM, after so many seconds, or once its starter is gone."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    until = time.monotonic() + seconds

    def watch() -> None:
        while time.monotonic() < until and starter in (None, os.getppid()):
            time.sleep(WATCH_STEP)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def free_port() -> int:
    """A loopback port that nobody listens on just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the process ended at its start, with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(POLL_STEP)
    raise RuntimeError(f"nobody listens on port {port}")


class OneByOne:
    """Serves every request but S3's under one lock; a long poll waits outside it."""

    def __init__(self, app: Callable[..., Iterable[bytes]], cold: ColdStore) -> None:
        self._app = app
        self._cold = cold
        self._lock = threading.Lock()

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO") == "/sent-mails":
            status, headers, body = _sent_mails()
        elif _service(environ) == "glacier":
            return self._cold.vaults(environ, start)
        elif _service(environ) in ("", "s3"):
            return self._app(environ, start)
        elif environ.get("HTTP_X_AMZ_TARGET") == "AmazonSQS.ReceiveMessage":
            status, headers, body = self._receive(environ)
        else:
            status, headers, body = self._call(environ)
        start(status, headers)
        return body

    def _call(self, environ: Environ) -> Answer:
        said: list[Any] = []
        with self._lock:
            chunks = self._app(environ, lambda *answer: said.append(answer))
            body = list(chunks)
        status, headers = said[0][:2]
        return status, headers, body

    def _receive(self, environ: Environ) -> Answer:
        request = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        until = time.monotonic() + float(request.get("WaitTimeSeconds", 0))
        body = json.dumps({**request, "WaitTimeSeconds": 0}).encode()
        while True:
            once = {**environ, "wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
            answer = self._call(once)
            if time.monotonic() >= until or b'"Messages"' in b"".join(answer[2]):
                return answer
            time.sleep(POLL_STEP)


def _service(environ: Environ) -> str:
    """The service that a request is signed for; browsers' requests to S3 say none here."""
    scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    return scope.group(1) if scope else ""


def _sent_mails() -> Answer:
    rows = []
    for sent in ses_backends[DEFAULT_ACCOUNT_ID][REGION].sent_messages:
        message = email.message_from_string(sent.raw_data, policy=email.policy.default)
        text, html = message.get_body(("plain",)), message.get_body(("html",))
        rows.append(
            {
                "to": str(message["To"]),
                "subject": str(message["Subject"]),
                "mail_id": str(message["X-GAS-Mail-Id"]),
                "text": text.get_content() if text else "",
                "html": html.get_content() if html else "",
            },
        )
    return "200 OK", [("Content-Type", "application/json")], [json.dumps(rows).encode()]


class QuietHandler(MotoRequestHandler):
    """A journey makes thousands of requests: no line for each."""

    def log(self, *_args: object) -> None:
        """Say nothing."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until told to stop, and never longer than the bound."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=LIVES_AT_MOST)
    parser.add_argument("--expedited", type=float, default=1.0)
    parser.add_argument("--standard", type=float, default=3.0)
    parser.add_argument("--refuse-expedited", action="store_true")
    parser.add_argument("--starter", type=int, help="the process whose end ends this one")
    chosen = parser.parse_args(arguments)
    make_sqs_fair()
    cold = ColdStore(
        expedited=chosen.expedited,
        standard=chosen.standard,
        refuses_expedited=chosen.refuse_expedited,
    )
    cold.install()
    app = OneByOne(DomainDispatcherApplication(create_backend_app), cold)
    server = make_server("127.0.0.1", chosen.port, app, threaded=True, request_handler=QuietHandler)
    bound_life(chosen.seconds, chosen.starter)
    server.serve_forever()


if __name__ == "__main__":
    main()
