from collections.abc import Iterator
from pathlib import Path

import pytest

import tests.adapters.worlds.embedded  # noqa: F401 - importing a world enters it in WORLDS
from tests.adapters.worlds import WORLDS, World


@pytest.fixture(params=sorted(WORLDS))
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with WORLDS[request.param](tmp_path) as world:
        yield world
