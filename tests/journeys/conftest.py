from collections.abc import Iterator

import pytest

from tests.support.deployment import BACKENDS, Deployment, deployment


@pytest.fixture(scope="module", params=BACKENDS)
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    with deployment(request.param, tmp_path_factory.mktemp(request.param)) as service:
        yield service
