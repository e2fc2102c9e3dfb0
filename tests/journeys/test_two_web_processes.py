"""Two web processes behind a load balancer are one service: a session belongs to neither."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gas.config import environment
from tests.support.deployment import BACKENDS, EXAMPLE, Deployment, deployment
from tests.support.moto_server import free_port
from tests.support.round_robin import Balancer, round_robin
from util.announce import is_ready
from util.run import complete

SECONDS = 60.0


@contextmanager
def _second(service: Deployment, balancer: Balancer) -> Iterator[subprocess.Popen[bytes]]:
    """Another web process of the same deployment, with nothing in common but the stores."""
    address = f"127.0.0.1:{free_port()}"
    aws = service.moto.environment if service.moto else {}
    known = {
        "GAS_HOME": str(service.settings.home),
        "GAS_PORT": str(service.stack.port),
        "GAS_BASE_URL": balancer.url,
        "GAS_BIND": address,
        "GAS_S3_PUBLIC_ENDPOINT": service.settings.s3_public_endpoint,
    }
    env = complete({**environment(), **aws, **known})
    process = subprocess.Popen([sys.executable, "-m", "web"], env=env, stderr=subprocess.DEVNULL)
    try:
        first = list(balancer.backends)
        balancer.backends[:] = [address]
        _wait(lambda: is_ready(balancer.url))
        balancer.backends[:] = [*first, address]
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(SECONDS)


@pytest.mark.full
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_session_outlives_the_death_of_either_process(backend: str, tmp_path: Path) -> None:
    with round_robin() as balancer:
        port_known = _Known(balancer)
        with port_known.deployment(backend, tmp_path) as service, _second(service, balancer) as two:
            ada = service.visitor("Ada Example")
            job_id = ada.submit(EXAMPLE)
            assert ada.wait(job_id) == "COMPLETED"
            before = len(balancer.answered)
            for _ in range(10):
                assert job_id in ada.get("/annotations").text
            assert len(set(balancer.answered[before:])) == 2

            assert service.stack.kill("web", signal.SIGKILL)
            for _ in range(10):
                assert job_id in ada.get("/annotations").text
            first, second = balancer.backends
            _wait(lambda: _answers(balancer, first))

            balancer.backends[:] = [first, second]
            os.kill(two.pid, signal.SIGKILL)
            two.wait(SECONDS)
            for _ in range(10):
                assert job_id in ada.get("/annotations").text
            assert ada.wait(ada.submit(EXAMPLE)) == "COMPLETED"
            ada.post("/logout", {})
            answer = ada.http.get(f"{balancer.url}/annotations", timeout=SECONDS)
            assert "/login" in answer.url


class _Known:
    """The first process's address is known only once its stack has chosen a port."""

    def __init__(self, balancer: Balancer) -> None:
        self._balancer = balancer

    @contextmanager
    def deployment(self, backend: str, home: Path) -> Iterator[Deployment]:
        address = f"127.0.0.1:{free_port()}"
        self._balancer.backends[:] = [address]
        changes = {"GAS_BASE_URL": self._balancer.url, "GAS_BIND": address}
        with deployment(backend, home, changes) as service:
            yield service


def _answers(balancer: Balancer, backend: str) -> bool:
    balancer.backends[:] = [backend]
    return is_ready(balancer.url)


def _wait(look: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not look():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
