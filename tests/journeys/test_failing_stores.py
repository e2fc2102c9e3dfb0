"""A real annotator whose S3 and DynamoDB fail as AWS's do: the job survives, and runs once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.core import DEFAULT_ACCOUNT_ID

from gas.domain.message import Queue
from tests.support.annotator_bench import QUICK, Bench
from tests.support.fault_proxy import Fault, Proxy, fault_proxy
from tests.support.moto_server import REGION, credentials, moto_server


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    with moto_server() as moto, fault_proxy(moto.endpoint) as proxy:
        yield proxy


@pytest.fixture
def bench(
    proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Bench:
    environment = {
        "GAS_BACKEND": "aws",
        "GAS_AWS_ENDPOINT": proxy.endpoint,
        "GAS_AWS_REGION": REGION,
        "GAS_AWS_ACCOUNT_ID": DEFAULT_ACCOUNT_ID,
        **credentials(),
    }
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, environment[name])
    prefix = f"gas{abs(hash(request.node.name)) % 10**6}"
    bench = Bench(
        tmp_path / "home",
        environment
        | {
            "GAS_RESOURCE_PREFIX": prefix,
            "GAS_INPUTS_BUCKET": f"{prefix}-inputs",
            "GAS_RESULTS_BUCKET": f"{prefix}-results",
            "GAS_MAIL_FROM": "gas@example.org",
            "GAS_POLL_SECONDS": "1",
            "GAS_LEASE_SECONDS": "20",
            "GAS_HEARTBEAT_SECONDS": "2",
        },
    )
    bench.run("util.provision")
    bench.submit("say 3 0")
    return bench


FAULTS = {
    "the results' store slows down": Fault(kind="refuse", method="PUT", path="/{results}", times=8),
    "the inputs' store slows down": Fault(kind="refuse", method="GET", path="/{inputs}", times=8),
    "a download ends mid-body": Fault(kind="cut", method="GET", path="/{inputs}", times=2),
    "an upload's answer is lost": Fault(kind="mute", method="PUT", path="/{results}", times=2),
    "the table throttles": Fault(kind="throttle", method="POST", target="UpdateItem", times=12),
    "a finish's answer is lost": Fault(kind="mute", method="POST", target="TransactWrite", times=1),
}


@pytest.mark.full
@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", FAULTS)
def test_a_job_survives(bench: Bench, proxy: Proxy, name: str) -> None:
    wanted = FAULTS[name]
    buckets = {"inputs": bench.settings.inputs_bucket, "results": bench.settings.results_bucket}
    fault = proxy.fail(
        Fault(
            kind=wanted.kind,
            method=wanted.method,
            path=wanted.path.format(**buckets),
            target=wanted.target,
            times=wanted.times,
        )
    )
    with bench.annotator(QUICK):
        bench.wait(lambda: bench.job().is_terminal, seconds=180)
        bench.wait(lambda: bench.outside.inbox(Queue.ANNOTATE).depth() == 0)
    assert fault.met == fault.times, "the fault was never met"
    bench.assert_one_result(attempt=1)
