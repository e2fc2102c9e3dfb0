"""The web server: `python -m web`."""

import sys

from flask import Flask

from gas.config import Settings
from gas.domain.errors import ConfigurationError
from gas.log import set_up
from gas.wiring import connect, connect_mail_box
from web.app import create_app
from web.server import Server


def main() -> None:
    """Serve until told to stop."""
    try:
        settings = Settings.from_env()
    except ConfigurationError as error:
        sys.exit(f"web: {error}")
    set_up("web")

    def make() -> Flask:
        return create_app(settings, connect(settings), connect_mail_box(settings))

    Server(
        make, bind=settings.bind, workers=settings.web_workers, threads=settings.web_threads
    ).run()


if __name__ == "__main__":
    main()
