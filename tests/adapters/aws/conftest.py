"""Moto for the AWS adapters: in process for most tests, as a server where HTTP itself counts."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from moto import mock_aws

from gas.adapters import aws_client
from gas.adapters.aws import AwsOutside, connect_aws
from gas.adapters.clock import SystemClock
from gas.adapters.provision_aws import provision_aws
from gas.config import Settings
from tests.adapters.worlds.aws import ENVIRONMENT, aws_settings
from tests.support.moto_server import MotoServer, moto_server
from tests.support.post_policy import post_policy


@pytest.fixture
def settings() -> Settings:
    return replace(aws_settings(), poll=timedelta(0))


@pytest.fixture
def outside(settings: Settings) -> Iterator[AwsOutside]:
    """The AWS adapters over moto in process."""
    with mock_aws():
        provision_aws(settings)
        yield connect_aws(settings, SystemClock())


@pytest.fixture(scope="module")
def moto() -> Iterator[MotoServer]:
    with moto_server() as server:
        yield server


@pytest.fixture(scope="module")
def door(moto: MotoServer) -> Iterator[str]:
    """The address of S3 as browsers reach it, before the server."""
    with post_policy(moto.endpoint) as address:
        yield address


@pytest.fixture(scope="module")
def connect_server(moto: MotoServer) -> Iterator[Callable[..., AwsOutside]]:
    """Provisions the server and connects to it; changes are whole environment variables."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in moto.environment.items():
            if name.startswith("AWS_"):
                patch.setenv(name, value)
        # The session keeps the credentials it first saw, which were moto's in-process ones.
        aws_client._session.cache_clear()

        def connect(**changes: str) -> AwsOutside:
            settings = Settings.from_env({**ENVIRONMENT, **moto.environment, **changes})
            provision_aws(settings)
            return connect_aws(settings, SystemClock())

        yield connect
        aws_client._session.cache_clear()
