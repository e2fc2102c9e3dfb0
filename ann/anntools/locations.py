"""Where compiled references live."""

import os
from pathlib import Path


def default_reference() -> Path:
    """ANNTOOLS_REFERENCE, else a folder of the user's cache."""
    # The engine stands alone: the service's settings, which read the environment, are not its own.
    environment = os.environ  # noqa: TID251
    if named := environment.get("ANNTOOLS_REFERENCE"):
        return Path(named)
    return cache_folder() / "reference"


def cache_folder() -> Path:
    """The per-user folder for what can be made again."""
    # As above; XDG Base Directory Specification 0.8.
    base = os.environ.get("XDG_CACHE_HOME", "")  # noqa: TID251
    root = Path(base) if base.startswith("/") else Path.home() / ".cache"
    return root / "anntools"
