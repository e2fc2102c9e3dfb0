"""What the SDK rides out by itself, against a server that fails in earnest."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gas.adapters import aws_client
from gas.adapters.aws import AwsOutside, connect_aws
from gas.adapters.clock import SystemClock
from gas.adapters.dynamodb_items import job_attributes, to_item
from gas.domain.errors import OutageError
from tests.adapters.worlds.aws import aws_settings
from tests.builders import a_job

STALLS = 2.0


class Failing(ThreadingHTTPServer):
    """Answers as its script says, one line a request, and the last line for ever."""

    daemon_threads = True

    def __init__(self, script: list[str]) -> None:
        super().__init__(("127.0.0.1", 0), Scripted)
        self.script = script
        self.requests = 0


class Scripted(BaseHTTPRequestHandler):
    server: Failing

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        script = self.server.script
        line = script[min(self.server.requests, len(script) - 1)]
        self.server.requests += 1
        if line == "hang up":
            self.close_connection = True
            return
        if line == "stall":
            time.sleep(STALLS)
            self.close_connection = True
            return
        status, body = {
            "job": (200, {"Item": to_item(job_attributes(a_job()))}),
            "down": (503, {"__type": "ServiceUnavailable"}),
            "throttled": (
                400,
                {"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException"},
            ),
        }[line]
        document = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(document)))
        self.end_headers()
        self.wfile.write(document)

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def serving(
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[[list[str]], tuple[Failing, AwsOutside]]]:
    servers: list[Failing] = []
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setattr(aws_client, "READ_SECONDS", STALLS / 4)
    aws_client._session.cache_clear()

    def serve(script: list[str]) -> tuple[Failing, AwsOutside]:
        server = Failing(script)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        address = f"http://127.0.0.1:{server.server_address[1]}"
        return server, connect_aws(aws_settings(GAS_AWS_ENDPOINT=address), SystemClock())

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()
    aws_client._session.cache_clear()


Serve = Callable[[list[str]], tuple[Failing, AwsOutside]]


@pytest.mark.parametrize("trouble", ["down", "throttled", "hang up", "stall"])
def test_trouble_that_ends_is_not_noticed(serving: Serve, trouble: str) -> None:
    server, outside = serving([trouble, "job"])
    assert outside.jobs.get("job-1") == a_job()
    assert server.requests == 2


@pytest.mark.parametrize("trouble", ["down", "throttled", "hang up", "stall"])
def test_trouble_that_lasts_is_an_outage(
    serving: Serve, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws_client, "ATTEMPTS", 2)
    server, outside = serving([trouble])
    with pytest.raises(OutageError):
        outside.jobs.get("job-1")
    assert server.requests == 2
