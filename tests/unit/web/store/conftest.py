import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.web.store.support import KEY, StoreProcess, make_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    store = make_store(tmp_path_factory.mktemp("store"))
    store.start()
    yield store
    store.kill(signal.SIGTERM)


@pytest.fixture
def put(store: StoreProcess, tmp_path: Path) -> Callable[..., str]:
    """Put an object beside the door, and get a link to it."""

    def put(body: bytes, key: str = KEY, file_name: str = "s.vcf", seconds: float = 60) -> str:
        source = tmp_path / "source"
        source.write_bytes(body)
        files = store.ports.inputs
        files.upload(source, key, content_type="text/plain; charset=utf-8", file_name=file_name)
        return files.link(key, file_name=file_name, expires_in=timedelta(seconds=seconds))

    return put
