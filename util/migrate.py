"""Bring the accounts database to this release's schema: `python -m util.migrate`.

Every process does the same at its start; this is for an operator who wants it done before.
"""

import sys

from gas.adapters.sql_engine import make_engine
from gas.adapters.sql_migrate import revision_of
from gas.config import Settings
from gas.domain.errors import GasError


def main() -> None:
    """Migrate, and say which revision the database is at."""
    try:
        engine = make_engine(Settings.from_env().database_url)
    except GasError as error:
        sys.exit(f"migrate: {error}")
    with engine.connect() as connection:
        print(f"the accounts database is at revision {revision_of(connection)}")  # noqa: T201 - said to a person
    engine.dispose()


if __name__ == "__main__":
    main()
