"""The whole service on this one machine: `python -m util.run` (what `make run` calls).

Fills in what a first start lacks (secrets, addresses, a stand-in for Globus Auth), keeps it in
`GAS_HOME/local.json`, and becomes supervisord, which starts every process, starts again what
crashes, and stops all of them at Ctrl-C.  A second start finds everything where it was.

GAS_PORT (8080) is the web's port; the object store takes the next one, the stand-in the one after.
With GAS_BACKEND=aws and GAS_AWS_ENDPOINT on loopback the same processes run against an emulator.
"""

import json
import os
import secrets
import shutil
import socket
import sys
import uuid
from collections.abc import Mapping
from configparser import RawConfigParser
from dataclasses import dataclass
from pathlib import Path

from gas.config import Backend, Settings, environment
from gas.domain.errors import ConfigurationError

HOST = "127.0.0.1"
DEFAULT_PORT = 8080
STOP_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Process:
    """One program of the stack; a `once` program is not started again when it ends."""

    name: str
    module: str
    once: bool = False
    on_screen: bool = False


def processes(settings: Settings) -> list[Process]:
    """What has to run for these settings, in the order of starting."""
    stack = [
        Process(name="web", module="web"),
        Process(name="annotator", module="ann.annotator"),
        Process(name="notify", module="util.notify"),
        Process(name="archive", module="util.archive"),
        Process(name="restore", module="util.restore"),
        Process(name="thaw", module="util.thaw"),
        Process(name="sweep", module="util.sweep"),
        Process(name="announce", module="util.announce", once=True, on_screen=True),
    ]
    if settings.backend is Backend.EMBEDDED:
        stack.insert(0, Process(name="store", module="web.store"))
    if settings.is_local:
        stack.insert(0, Process(name="standin", module="web.standin"))
    return stack


def complete(env: Mapping[str, str]) -> dict[str, str]:
    """The environment with everything a first start lacks filled in, kept for the next start."""
    home = Path(env.get("GAS_HOME", ".gas")).resolve()
    home.mkdir(parents=True, exist_ok=True)
    port = int(env.get("GAS_PORT", DEFAULT_PORT))
    defaults = {
        "GAS_HOME": str(home),
        "GAS_BACKEND": Backend.EMBEDDED.value,
        "GAS_BASE_URL": f"http://{HOST}:{port}",
        "GAS_BIND": f"{HOST}:{port}",
        "GAS_STORE_URL": f"http://{HOST}:{port + 1}",
        "GAS_GLOBUS_AUTH_URL": f"http://{HOST}:{port + 2}",
        "DATABASE_URL": f"sqlite:///{home / 'accounts.db'}",
        "GAS_POLL_SECONDS": "1",
        "GAS_CLOCK_SKEW_SECONDS": "0.001",  # One machine has one clock.
        "PYTHONUNBUFFERED": "1",
        **_kept(home / "local.json"),
    }
    return {**defaults, **env, "GAS_HOME": str(home)}


def supervisor_config(settings: Settings, log: Path, socket_folder: Path) -> str:
    """A supervisord configuration that runs every process and leaves none behind."""
    parser = RawConfigParser()
    parser["supervisord"] = {
        "nodaemon": "true",
        "silent": "true",
        "logfile": str(log / "supervisord.log"),
        "pidfile": str(socket_folder / "supervisord.pid"),
        "childlogdir": str(log),
        **({"user": "root"} if os.geteuid() == 0 else {}),
    }
    for order, process in enumerate(processes(settings)):
        parser[f"program:{process.name}"] = {
            "command": " ".join([*leash(), sys.executable, "-m", process.module]),
            "priority": str(order),
            "autorestart": "false" if process.once else "true",
            "startsecs": "0" if process.once else "1",
            "startretries": "1000000",
            "stopasgroup": "false",
            "killasgroup": "true",
            "stopwaitsecs": str(STOP_SECONDS),
            "redirect_stderr": "true",
            **_output(process, log),
        }
    lines: list[str] = []
    for section in parser.sections():
        lines.append(f"[{section}]")
        lines += [f"{name}={value.replace('%', '%%')}" for name, value in parser[section].items()]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Prepare the home folder and become supervisord."""
    env = complete(environment())
    try:
        settings = Settings.from_env(env)
        _check_ports_are_free(settings)
    except ConfigurationError as error:
        sys.exit(f"GAS cannot start: {error}")
    home = Path(env["GAS_HOME"])
    log, run = home / "log", home / "run"
    log.mkdir(exist_ok=True)
    run.mkdir(exist_ok=True)
    config = run / "supervisord.conf"
    config.write_text(supervisor_config(settings, log, run))
    supervisord = Path(sys.executable).with_name("supervisord")
    print(f"GAS is starting (logs in {log}) ...", flush=True)  # noqa: T201 - said to a person
    os.execve(  # noqa: S606 - no shell is wanted
        sys.executable,
        [sys.executable, str(supervisord), "--configuration", str(config)],
        env,
    )


def _kept(path: Path) -> dict[str, str]:
    """The secrets of this home, made at the first start."""
    if not path.exists():
        fresh = {
            "GAS_SECRET_KEY": secrets.token_urlsafe(48),
            "GAS_GLOBUS_CLIENT_ID": str(uuid.uuid4()),
            "GAS_GLOBUS_CLIENT_SECRET": secrets.token_urlsafe(32),
        }
        new = path.with_suffix(f".{os.getpid()}")
        new.touch(mode=0o600)
        new.write_text(json.dumps(fresh, indent=2) + "\n")
        new.replace(path)
    kept: dict[str, str] = json.loads(path.read_text())
    return kept


def leash() -> list[str]:
    """What to put before a command so that it ends with its parent, even with a killed one."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []


def _output(process: Process, log: Path) -> dict[str, str]:
    if process.on_screen:
        return {"stdout_logfile": "/dev/fd/1", "stdout_logfile_maxbytes": "0"}
    return {
        "stdout_logfile": str(log / f"{process.name}.log"),
        "stdout_logfile_maxbytes": "20MB",
        "stdout_logfile_backups": "3",
    }


def _check_ports_are_free(settings: Settings) -> None:
    addresses = {"web": settings.bind}
    if settings.is_local:
        addresses["login stand-in"] = settings.globus_auth_url
    if settings.backend is Backend.EMBEDDED:
        addresses["object store"] = settings.store_url
    for what, address in addresses.items():
        port = int(address.rpartition(":")[2])
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                raise ConfigurationError(
                    f"port {port} (for the {what}) is taken on this machine; "
                    f"stop what uses it, or choose others with GAS_PORT=9080",
                ) from error


if __name__ == "__main__":
    main()
