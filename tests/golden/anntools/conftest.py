from pathlib import Path

import pytest

from ann.anntools.build.bundled import ensure


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled reference of GRCh38, compiled once."""
    root = tmp_path_factory.mktemp("bundle")
    ensure(root, "GRCh38")
    return root
