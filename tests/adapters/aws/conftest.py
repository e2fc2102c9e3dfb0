"""One moto server and one door before it for all tests of a module that need real processes."""

from collections.abc import Iterator

import pytest

from tests.adapters.worlds.aws import ENVIRONMENT
from tests.support.moto_server import MotoServer, moto_server
from tests.support.post_policy import post_policy


@pytest.fixture(scope="module")
def moto() -> Iterator[MotoServer]:
    with moto_server() as server:
        yield server


@pytest.fixture(scope="module")
def door(moto: MotoServer) -> Iterator[str]:
    with post_policy(moto.endpoint) as address:
        yield address


@pytest.fixture(scope="module")
def server_environment(moto: MotoServer, door: str) -> dict[str, str]:
    """The settings of a service whose browsers reach S3 through the door."""
    return {**ENVIRONMENT, **moto.environment, "GAS_S3_PUBLIC_ENDPOINT": door}
