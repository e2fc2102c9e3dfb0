"""The stand-in for Globus Auth: `python -m web.standin`, where everything is on loopback."""

import sys
from urllib.parse import urlsplit

from flask import Flask

from gas.adapters.clock import SystemClock
from gas.config import Settings
from gas.domain.errors import ConfigurationError
from gas.log import set_up
from web.server import Server
from web.standin.app import check_local, create_standin

THREADS = 8


def main() -> None:
    """Serve until told to stop."""
    try:
        settings = Settings.from_env()
        check_local(settings)
    except ConfigurationError as error:
        sys.exit(f"standin: {error}")
    set_up("standin")

    def make() -> Flask:
        return create_standin(settings, SystemClock())

    # One worker: codes and tokens are in its memory.
    Server(make, bind=urlsplit(settings.globus_auth_url).netloc, workers=1, threads=THREADS).run()


if __name__ == "__main__":
    main()
