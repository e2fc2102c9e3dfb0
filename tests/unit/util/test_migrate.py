from pathlib import Path

import pytest

from gas.adapters.sql_migrate import HEAD
from tests.unit.web.site import ENVIRONMENT
from util.migrate import main


def test_it_says_where_the_database_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/accounts.db")
    for _ in range(2):
        main()
        assert capsys.readouterr().out == f"the accounts database is at revision {HEAD}\n"


def test_an_address_that_cannot_serve_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATABASE_URL", "mysql://nowhere")
    with pytest.raises(SystemExit, match="DATABASE_URL"):
        main()
