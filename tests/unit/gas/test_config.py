"""Settings: read at once, believed only when right, every wrong one named."""

from datetime import timedelta
from pathlib import Path

import pytest

from gas.config import Backend, Settings
from gas.domain.errors import ConfigurationError
from tests.support.annotating import REQUIRED, settings


@pytest.mark.parametrize("missing", sorted(REQUIRED))
def test_a_missing_setting_is_named(missing: str) -> None:
    env = {name: value for name, value in REQUIRED.items() if name != missing}
    with pytest.raises(ConfigurationError, match=missing):
        Settings.from_env(env)


def test_every_wrong_setting_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as error:
        settings(GAS_BACKEND="cloud", GAS_LEASE_SECONDS="-1", GAS_MAX_RECEIVES="many")
    for name in ("GAS_BACKEND", "GAS_LEASE_SECONDS", "GAS_MAX_RECEIVES"):
        assert name in str(error.value)


@pytest.mark.parametrize(
    "address", ["gas.example.org", "ftp://gas.example.org", "https://", "javascript:alert(1)"]
)
def test_an_address_is_an_absolute_http_one(address: str) -> None:
    with pytest.raises(ConfigurationError, match="GAS_BASE_URL"):
        settings(GAS_BASE_URL=address)


def test_an_address_loses_the_slash_at_its_end() -> None:
    assert settings(GAS_BASE_URL="https://gas.example.org/").base_url == "https://gas.example.org"


def test_a_heartbeat_fits_twice_into_a_lease() -> None:
    with pytest.raises(ConfigurationError, match="GAS_HEARTBEAT_SECONDS"):
        settings(GAS_LEASE_SECONDS="10", GAS_HEARTBEAT_SECONDS="6")
    assert settings(GAS_LEASE_SECONDS="10", GAS_HEARTBEAT_SECONDS="5").lease.seconds == 10


def test_durations_may_be_fractions_of_a_second() -> None:
    assert settings(GAS_POLL_SECONDS="0.25").poll == timedelta(milliseconds=250)


def test_the_free_limit_is_150_kib_inclusive_by_default() -> None:
    assert settings().free_input_bytes == 153_600


def test_the_scratch_folder_lies_under_the_home_unless_it_is_named(tmp_path: Path) -> None:
    assert settings(GAS_HOME=str(tmp_path)).scratch == tmp_path / "scratch"
    assert settings(GAS_SCRATCH=str(tmp_path / "fast")).scratch == tmp_path / "fast"
    assert settings(GAS_HOME="here").scratch.is_absolute()


@pytest.mark.parametrize(
    ("changes", "local"),
    [
        ({"GAS_BASE_URL": "http://127.0.0.1:8080"}, False),
        (
            {
                "GAS_BASE_URL": "http://127.0.0.1:8080",
                "GAS_GLOBUS_AUTH_URL": "http://localhost:8082",
            },
            True,
        ),
        (
            {
                "GAS_BACKEND": "aws",
                "GAS_BASE_URL": "http://127.0.0.1:8080",
                "GAS_GLOBUS_AUTH_URL": "http://localhost:8082",
            },
            False,
        ),
        (
            {
                "GAS_BACKEND": "aws",
                "GAS_AWS_ENDPOINT": "http://127.0.0.1:5000",
                "GAS_BASE_URL": "http://127.0.0.1:8080",
                "GAS_GLOBUS_AUTH_URL": "http://localhost:8082",
            },
            True,
        ),
    ],
)
def test_a_deployment_is_local_only_when_every_endpoint_is_on_loopback(
    changes: dict[str, str],
    local: bool,  # noqa: FBT001 - the expected answer
) -> None:
    assert settings(**changes).is_local is local


def test_the_backend_is_a_setting() -> None:
    assert settings().backend is Backend.EMBEDDED
    assert settings(GAS_BACKEND="aws").backend is Backend.AWS
