"""S3's own door in front of a fake S3 that checks nothing: browsers upload and download here.

    python -m tests.support.post_policy --port P --upstream http://127.0.0.1:5000

It checks signed forms and signed links as S3 does, answers cross-origin questions from the
bucket's own rules, and hands everything that passes to the upstream.  What carries an SDK's
Authorization header passes unchecked.
"""

import argparse
import contextlib
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import IO, Any
from urllib.parse import quote, unquote, urlencode, urlsplit
from xml.sax.saxutils import escape

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from tests.support.moto_server import (
    ACCESS_KEY,
    LIVES_AT_MOST,
    SECRET_KEY,
    bound_life,
    free_port,
    running,
)
from tests.support.s3_cors import CorsRule, allow, read_rules
from tests.support.s3_signatures import Allowed, RefusalError, check_form, check_link, denied

CHUNK = 256 * 1024
FIELDS_LIMIT = 20 * 1024
"""S3 takes at most 20 KB of fields before the file."""

DRAIN_LIMIT = 64 * 1024 * 1024
"""How much of a refused upload is read, so that a browser sees the answer."""

UPSTREAM_SECONDS = 120.0
HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "server", "date", "content-length"}
)
AS_OWNER = (
    f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20260101/us-east-1/s3/aws4_request, "
    "SignedHeaders=host, Signature=unchecked"
)
"""The emulator lets nobody overwrite an object who does not say who they are; it checks no more."""

KEPT_FROM_FORM = ("content-type", "x-amz-server-side-encryption", "cache-control")


@dataclass
class Form:
    """A POSTed form: its fields by lower-case name, and the file on disk."""

    fields: dict[str, str] = field(default_factory=dict)
    file_name: str | None = None
    size: int = 0


class Door(BaseHTTPRequestHandler):
    """One connection; the server carries the upstream's address and the secrets."""

    protocol_version = "HTTP/1.1"
    timeout = UPSTREAM_SECONDS
    server: "DoorServer"
    left = 0

    def do_OPTIONS(self) -> None:
        """Answer a preflight from the bucket's rules, as S3 does."""
        origin = self.headers.get("Origin", "")
        method = self.headers.get("Access-Control-Request-Method", "")
        if not origin or not method:
            self._refuse(
                RefusalError(400, "BadRequest", "Insufficient information. Origin request header "
                             "needed.")
            )  # fmt: skip
            return
        asked = self.headers.get("Access-Control-Request-Headers", "")
        headers = allow(self._rules(), origin, method, asked)
        if headers is None:
            self._refuse(
                RefusalError(
                    403,
                    "AccessForbidden",
                    "CORSResponse: This CORS request is not allowed. This is usually because the "
                    "evalution of Origin, request method / Access-Control-Request-Method or "
                    "Access-Control-Request-Headers are not whitelisted by the resource's CORS "
                    "spec.",
                )
            )
            return
        self._answer(200, headers, b"")

    def do_POST(self) -> None:
        """Take a browser's upload, or pass on an SDK's request."""
        self.left = int(self.headers.get("Content-Length", 0))
        kind, options = parse_options_header(self.headers.get("Content-Type", ""))
        if kind != "multipart/form-data":
            self._pass_checked()
            return
        with tempfile.TemporaryFile() as spool:
            try:
                self._take(options.get("boundary", ""), spool)
            except RefusalError as refusal:
                self._drain()
                self.close_connection = True
                self._refuse(refusal)

    def do_GET(self) -> None:
        """Pass on a download whose address is signed and has not expired."""
        self.left = int(self.headers.get("Content-Length", 0))
        self._pass_checked()

    do_HEAD = do_PUT = do_DELETE = do_GET  # noqa: N815 - http.server looks for these names

    def _take(self, boundary: str, spool: IO[bytes]) -> None:
        bucket = unquote(urlsplit(self.path).path.strip("/"))
        form, allowed = self._read_form(boundary, bucket, spool)
        if form.file_name is None:
            raise RefusalError(
                400, "InvalidArgument", "POST requires exactly one file upload per request."
            )
        allowed.check(form.size)
        key = form.fields["key"].replace("${filename}", form.file_name)
        stored = self._store(bucket, key, form, spool)
        headers = {**self._cors(), **stored}
        to, etag = form.fields.get("success_action_redirect"), stored["ETag"]
        if to:
            given = urlencode({"bucket": bucket, "key": key, "etag": etag})
            headers["Location"] = f"{to}{'&' if '?' in to else '?'}{given}"
            self._answer(303, headers, b"")
        elif form.fields.get("success_action_status") == "201":
            document = (
                f"<PostResponse><Location>{escape(self.path)}</Location>"
                f"<Bucket>{escape(bucket)}</Bucket><Key>{escape(key)}</Key>"
                f"<ETag>{escape(etag)}</ETag></PostResponse>"
            )
            self._answer(201, {**headers, "Content-Type": "application/xml"}, document.encode())
        else:
            status = 200 if form.fields.get("success_action_status") == "200" else 204
            self._answer(status, headers, b"")

    def _read_form(self, boundary: str, bucket: str, spool: IO[bytes]) -> tuple[Form, Allowed]:
        """Read fields, then the file; the policy is checked before the file's first byte."""
        form, allowed = Form(), Allowed(least=0, most=0)
        segment: MultipartSegment | None = None
        text = bytearray()
        try:
            for event in self._events(boundary):
                if isinstance(event, MultipartSegment):
                    segment, text = event, bytearray()
                    if segment.name == "file":
                        form.file_name = segment.filename or ""
                        allowed = self._check(form, bucket)
                elif segment is None or (form.file_name is not None and segment.name != "file"):
                    continue  # S3 ignores fields behind the file
                elif segment.name == "file":
                    form.size += len(event or b"")
                    if form.size > allowed.most:
                        allowed.check(form.size)
                    spool.write(event or b"")
                elif event is not None:
                    text += event
                    if len(text) > FIELDS_LIMIT:
                        raise RefusalError(
                            400,
                            "MaxPostPreDataLengthExceeded",
                            "Your POST request fields preceding the upload file were too large.",
                        )
                else:
                    form.fields[(segment.name or "").lower()] = text.decode()
        except (MultipartError, UnicodeDecodeError):
            raise RefusalError(
                400,
                "MalformedPOSTRequest",
                "The body of your POST request is not well-formed multipart/form-data.",
            ) from None
        return form, allowed

    def _check(self, form: Form, bucket: str) -> Allowed:
        if "key" not in form.fields:
            raise RefusalError(
                400, "InvalidArgument", "Bucket POST must contain a field named 'key'."
            )
        expanded = form.fields["key"].replace("${filename}", form.file_name or "")
        fields = {**form.fields, "key": expanded}
        return check_form(fields, bucket, self.server.secrets, datetime.now(UTC))

    def _events(self, boundary: str) -> Iterator[Any]:
        with PushMultipartParser(boundary, content_length=self.left) as parser:
            while not parser.closed:
                chunk = self.rfile.read(min(CHUNK, self.left)) if self.left else b""
                self.left -= len(chunk)
                yield from parser.parse(chunk)

    def _store(self, bucket: str, key: str, form: Form, spool: IO[bytes]) -> dict[str, str]:
        headers = {name: form.fields[name] for name in KEPT_FROM_FORM if name in form.fields}
        headers |= {
            name: value for name, value in form.fields.items() if name.startswith("x-amz-meta-")
        }
        headers |= {"Content-Length": str(form.size), "Authorization": AS_OWNER}
        spool.seek(0)
        path = f"/{bucket}/{quote(key, safe='/~')}"
        with self._upstream() as upstream:
            upstream.request("PUT", path, body=spool, headers=headers)
            answer = upstream.getresponse()
            said = answer.read()
        if answer.status != 200:
            code = re.search(rb"<Code>(\w+)</Code>", said)
            raise RefusalError(
                answer.status, code.group(1).decode() if code else "InternalError", "Upstream"
            )
        kept = ("ETag", "x-amz-version-id", "x-amz-server-side-encryption")
        return {name: answer.headers[name] for name in kept if name in answer.headers}

    def _pass_checked(self) -> None:
        parts = urlsplit(self.path)
        try:
            if "X-Amz-Signature=" in parts.query:
                headers = {name.lower(): value for name, value in self.headers.items()}
                check_link(
                    self.command,
                    parts.path,
                    parts.query,
                    headers,
                    self.server.secrets,
                    datetime.now(UTC),
                )
            elif not self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 "):
                raise denied("Access Denied")
        except RefusalError as refusal:
            self._drain()
            self._refuse(refusal)
            return
        self._pass_on()

    def _pass_on(self) -> None:
        # The upstream would answer for any origin; here the bucket's rules do.
        dropped = {"connection", "expect", "host", "origin"}
        headers = {
            name: value for name, value in self.headers.items() if name.lower() not in dropped
        }
        body = _Left(self) if self.left else None
        with self._upstream() as upstream:
            upstream.request(self.command, self.path, body=body, headers=headers)
            self._relay(upstream.getresponse())

    def _relay(self, answer: HTTPResponse) -> None:
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP and not name.lower().startswith("access-control-"):
                self.send_header(name, value)
        for name, value in self._cors().items():
            self.send_header(name, value)
        length = answer.getheader("Content-Length")
        bodiless = self.command == "HEAD" or answer.status in (204, 304)
        if length is not None:
            self.send_header("Content-Length", length)
        elif not bodiless:
            self.close_connection = True
            self.send_header("Connection", "close")
        self.end_headers()
        while not bodiless and (chunk := answer.read(CHUNK)):
            self.wfile.write(chunk)

    def _cors(self) -> dict[str, str]:
        origin = self.headers.get("Origin")
        if origin is None:
            return {}
        return allow(self._rules(), origin, self.command, "") or {}

    def _rules(self) -> Sequence[CorsRule]:
        bucket = urlsplit(self.path).path.lstrip("/").partition("/")[0]
        with self._upstream() as upstream:
            upstream.request("GET", f"/{bucket}?cors")
            answer = upstream.getresponse()
            return read_rules(answer.read()) if answer.status == 200 else ()

    @contextlib.contextmanager
    def _upstream(self) -> Iterator[HTTPConnection]:
        connection = HTTPConnection(self.server.upstream, timeout=UPSTREAM_SECONDS)
        with contextlib.closing(connection):
            yield connection

    def _drain(self) -> None:
        drained = 0
        while self.left and drained < DRAIN_LIMIT:
            chunk = self.rfile.read(min(CHUNK, self.left))
            if not chunk:
                break
            self.left -= len(chunk)
            drained += len(chunk)

    def _refuse(self, refusal: RefusalError) -> None:
        details = "".join(
            f"<{name}>{escape(value)}</{name}>" for name, value in refusal.details.items()
        )
        document = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{refusal.code}</Code><Message>{escape(refusal.message)}</Message>"
            f"{details}</Error>"
        )
        headers = {**self._cors(), "Content-Type": "application/xml"}
        self._answer(refusal.status, headers, document.encode())

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Say nothing: a journey makes thousands of requests."""


class _Left:
    """What is left of a request's body, as a file to read once."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def read(self, size: int = CHUNK) -> bytes:
        chunk = self._door.rfile.read(min(size, self._door.left)) if self._door.left else b""
        self._door.left -= len(chunk)
        return chunk


class DoorServer(ThreadingHTTPServer):
    """The door: where it leads, and whose signatures it honours."""

    daemon_threads = True

    def __init__(self, port: int, upstream: str, secrets: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", port), Door)
        self.upstream = urlsplit(upstream).netloc
        self.secrets = secrets


@contextlib.contextmanager
def post_policy(upstream: str) -> Iterator[str]:
    """Open the door as a process on a free loopback port; gives its address."""
    port = free_port()
    command = [
        *(sys.executable, "-m", "tests.support.post_policy"),
        *("--port", str(port), "--upstream", upstream),
    ]
    with running(command, port):
        yield f"http://127.0.0.1:{port}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until told to stop, and never longer than the bound."""
    parser = argparse.ArgumentParser(description="S3's checks in front of a fake S3")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--access-key", default=ACCESS_KEY)
    parser.add_argument("--secret-key", default=SECRET_KEY)
    parser.add_argument("--seconds", type=float, default=LIVES_AT_MOST)
    parser.add_argument("--starter", type=int, help="the process whose end ends this one")
    chosen = parser.parse_args(arguments)
    server = DoorServer(chosen.port, chosen.upstream, {chosen.access_key: chosen.secret_key})
    bound_life(chosen.seconds, chosen.starter)
    server.serve_forever()


if __name__ == "__main__":
    main()
