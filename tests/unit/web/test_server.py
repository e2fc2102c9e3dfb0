"""The server around the application, and the two programs that start one."""

import subprocess
import sys

import pytest
from flask import Flask

from tests.unit.web.site import ENVIRONMENT
from web.server import Server


def _server() -> Server:
    return Server(lambda: Flask("x"), bind="127.0.0.1:8080", workers=3, threads=5)


def test_gunicorn_takes_every_option() -> None:
    cfg = _server().cfg
    assert (cfg.address, cfg.workers, cfg.threads) == ([("127.0.0.1", 8080)], 3, 5)
    assert cfg.worker_class_str == "gthread"
    assert cfg.keepalive == 75
    assert (cfg.limit_request_line, cfg.limit_request_field_size) == (4094, 8190)
    assert cfg.header_map == "drop"
    assert cfg.control_socket_disable
    assert not cfg.preload_app
    assert not cfg.reload


def test_the_application_is_made_after_the_fork_and_not_before() -> None:
    made: list[Flask] = []

    def make() -> Flask:
        made.append(Flask("x"))
        return made[-1]

    server = Server(make, bind="127.0.0.1:8080", workers=1, threads=1)
    assert not made
    assert server.load() is made[0]


@pytest.mark.parametrize("module", ["web", "web.standin"])
def test_a_program_without_its_settings_says_which_are_missing(module: str) -> None:
    lacking = {name: value for name, value in ENVIRONMENT.items() if name != "GAS_SECRET_KEY"}
    done = subprocess.run(
        [sys.executable, "-m", module],
        env={**lacking, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "GAS_SECRET_KEY is not set" in done.stderr
    assert "Traceback" not in done.stderr
