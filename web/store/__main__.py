"""The embedded object store's own process: `python -m web.store`.

Apart from the pages, because a browser that stalls in an upload must not hold up a page.
"""

import logging
import sys
import time
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from gas.adapters.clock import SystemClock
from gas.adapters.embedded import connect_store
from gas.adapters.embedded_objects import ObjectStore
from gas.config import Settings
from gas.domain.errors import ConfigurationError, TemporaryError
from gas.log import set_up
from web.store.app import Application, create_store
from web.store.patience import PatientWorker

log = logging.getLogger(__name__)

THREADS = 128
"""Requests served at once; most of them wait for a client or for the disk."""

CONNECTIONS = 1000
KEEPALIVE_SECONDS = 5
STOP_SECONDS = 10
REQUEST_LINE_BYTES = 8190
"""A link holds a key and a file name of 255 characters, each up to twelve bytes when quoted."""

DEFAULT_PORT = 80
SWEEP_SECONDS = 3600.0
"""Pause between two looks for what killed daemons have left in the store."""


class JsonLogger(Logger):  # type: ignore[misc]
    """gunicorn's own log through this process's; no access log, because links are secrets."""

    def setup(self, cfg: Any) -> None:
        """Set up as gunicorn does, but hand the records on instead of writing them."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class Server(BaseApplication):  # type: ignore[misc]
    """One gunicorn worker of many threads."""

    def __init__(self, settings: Settings, bind: str) -> None:
        self._settings = settings
        self._bind = bind
        super().__init__()

    def load_config(self) -> None:
        """The server's own settings."""
        values = {
            "bind": self._bind,
            "workers": 1,
            "worker_class": PatientWorker,
            "threads": THREADS,
            "worker_connections": CONNECTIONS,
            "keepalive": KEEPALIVE_SECONDS,
            "graceful_timeout": STOP_SECONDS,
            "limit_request_line": REQUEST_LINE_BYTES,
            "limit_request_fields": 50,
            "logger_class": JsonLogger,
            "umask": 0o077,
            "control_socket_disable": True,
        }
        for name, value in values.items():
            self.cfg.set(name, value)

    def load(self) -> Application:
        """The application, made in the worker: no connection is carried over a fork."""
        ports = connect_store(self._settings, SystemClock())
        left = ports.store.sweep()
        log.info("the store is ready", extra={"swept": left})
        Thread(target=_sweep_for_ever, args=(ports.store,), name="sweep", daemon=True).start()
        return create_store(store=ports.store, forms=ports.forms, base_url=self._settings.base_url)


def main() -> None:
    """Serve until told to stop."""
    set_up("store")
    try:
        settings = Settings.from_env()
        bind = _address(settings)
    except ConfigurationError as error:
        sys.exit(f"store: {error}")
    Server(settings, bind).run()


def _sweep_for_ever(store: ObjectStore) -> None:
    while True:
        time.sleep(SWEEP_SECONDS)
        try:
            store.sweep()
        except TemporaryError:
            log.warning("a sweep was put off", exc_info=True)


def _address(settings: Settings) -> str:
    if settings.store_bind:
        return settings.store_bind
    address = urlsplit(settings.store_url)
    if address.scheme != "http":
        raise ConfigurationError(
            "GAS_STORE_BIND is not set: the store speaks http behind whatever serves "
            f"{settings.store_url}, and must know where to listen, for example 127.0.0.1:8081",
        )
    host = f"[{address.hostname}]" if ":" in str(address.hostname) else address.hostname
    return f"{host}:{address.port or DEFAULT_PORT}"


if __name__ == "__main__":
    main()
