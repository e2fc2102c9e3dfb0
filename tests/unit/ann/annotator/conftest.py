from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.annotating import Service
from tests.support.annotating import service as make_service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    yield from make_service(tmp_path)
