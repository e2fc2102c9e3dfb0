from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.annotator_bench import Bench
from tests.support.deployment import BACKENDS, Deployment, deployment
from tests.support.moto_server import MotoServer, moto_server


@pytest.fixture(scope="module", params=BACKENDS)
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    with deployment(request.param, tmp_path_factory.mktemp(request.param)) as service:
        yield service


@pytest.fixture(scope="module")
def moto() -> Iterator[MotoServer]:
    with moto_server() as server:
        yield server


@pytest.fixture(params=BACKENDS)
def annotator_bench(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Bench:
    changes: dict[str, str] = {"GAS_SWEEP_SECONDS": "1", "GAS_MAIL_FROM": "gas@example.org"}
    if request.param == "aws":
        moto: MotoServer = request.getfixturevalue("moto")
        prefix = f"gas{abs(hash(request.node.name)) % 10**6}"
        names = {
            "GAS_RESOURCE_PREFIX": prefix,
            "GAS_INPUTS_BUCKET": f"{prefix}-inputs",
            "GAS_RESULTS_BUCKET": f"{prefix}-results",
        }
        changes |= moto.environment | names | {"GAS_POLL_SECONDS": "1"}
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, moto.environment[name])
    bench = Bench(tmp_path / "home", changes)
    if request.param == "aws":
        bench.run("util.provision")
    return bench
