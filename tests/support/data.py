"""Real public test data, where a machine has it: GAS_TEST_DATA names its folder."""

import os
from pathlib import Path

import pytest


def data_folder() -> Path:
    """The folder, or a skip that says why."""
    folder = os.environ.get("GAS_TEST_DATA")  # noqa: TID251 - a setting of the tests, not the service
    if not folder:
        pytest.skip("GAS_TEST_DATA does not name the folder of the public test data")
    return Path(folder)


def data_file(name: str) -> Path:
    """One file below it, or a skip that says why."""
    path = data_folder() / name
    if not path.exists():
        pytest.skip(f"the public test data has no {name} here")
    return path
