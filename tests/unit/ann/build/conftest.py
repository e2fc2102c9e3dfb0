"""A reference compiled once from the bundled tables."""

from pathlib import Path

import pytest

from ann.anntools.build import bundled


@pytest.fixture(scope="session")
def bundled_reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("reference")
    for assembly in bundled.ASSEMBLIES:
        bundled.ensure(root, assembly)
    return root
