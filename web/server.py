"""gunicorn around an application: threads, time-outs, limits, and its log as ours."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the kernel's memory folder, for heartbeats only


class OwnLog(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's messages through the root logger, as JSON lines like everything else."""

    def setup(self, cfg: Any) -> None:
        """Keep the level, drop the handlers."""
        super().setup(cfg)
        self.error_log.handlers[:] = []
        self.error_log.propagate = True


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """One application on one address.

    The application is made in each worker, after the fork, so that no connection is ever shared.
    """

    def __init__(self, make: Callable[[], Flask], *, bind: str, workers: int, threads: int) -> None:
        self._make = make
        self._options: dict[str, object] = {
            "bind": bind,
            "workers": workers,
            "threads": threads,
            "worker_class": "gthread",
            # Longer than the 60 s of the load balancer, or it reuses a connection just closed.
            "keepalive": 75,
            "timeout": 60,
            "graceful_timeout": 25,
            "preload_app": False,
            "limit_request_line": 4094,
            "limit_request_fields": 100,
            "limit_request_field_size": 8190,
            "header_map": "drop",
            "forwarded_allow_ips": "",
            "logger_class": OwnLog,
            "accesslog": None,
            # Its socket in the home folder would be shared by every server of this user.
            "control_socket_disable": True,
            "worker_tmp_dir": str(SHARED_MEMORY) if SHARED_MEMORY.is_dir() else None,
            "proc_name": "gas-web",
        }
        super().__init__()

    def load_config(self) -> None:
        """What was given above; no file and no environment variable changes it."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """The application, in the worker."""
        return self._make()
