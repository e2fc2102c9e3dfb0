"""A machine's installation, dry: what it writes, what it starts, and what makes it give up."""

import shutil
import sys
from pathlib import Path

import pytest

from gas.config import Backend, Settings
from tests.support.from_templates import Environment, settings_of
from tests.support.stubs import Stubs

ROOT = Path(__file__).parents[3]
ENVIRONMENT = Environment(base_url="https://gas.example.org")

AWS = """
case "$*" in
  *get-secret-value*secret-key*) echo a-secret-key ;;
  *get-secret-value*globus*) echo a-globus-secret ;;
  *get-secret-value*/database*) echo '{"username": "gas", "password": "pass4word"}' ;;
  *get-parameters-by-path*/database*) printf '/gas/database/host\\tdb.example.org\\n' ;;
  *get-parameters-by-path*) cat "$(dirname "$0")/parameters" ;;
  *get-caller-identity*) echo arn:aws:sts::123456789012:assumed-role/gas-services/i-1 ;;
esac
"""


class Machine:
    """A release as it is unpacked, and a root to install it into."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.release = folder / "release"
        self.stubs = Stubs(folder / "bin")
        shutil.copytree(ROOT / "aws/node", self.release / "node")
        shutil.copytree(ROOT / "aws/systemd", self.release / "systemd")
        shutil.copy(ROOT / "aws/install.sh", self.release)
        program = self.release / "program"
        for package in ("gas", "web", "ann", "util"):
            (program / package).mkdir(parents=True)
        (program / "requirements.txt").write_text("")
        (self.release / "VERSION").write_text("7\n")
        self.settings = settings_of(ENVIRONMENT)
        lines = [f"/gas/settings/{name}\t{value}\n" for name, value in self.settings.items()]
        (self.stubs.folder / "parameters").write_text("".join(lines))
        self.stubs.add("aws", AWS)
        python = f'"{sys.executable}" "$@"'
        self.stubs.add("python3.11", f'if [ "$1" = -m ]; then {self._venv()}; else {python}; fi')
        for name in ("dnf", "useradd", "chown", "systemctl", "curl"):
            self.stubs.add(name, 'case "$*" in *-o\\ */etc/*) ;; esac')
        # The tests are not run as root everywhere, so nobody is made the owner of anything.
        self.stubs.add("install", f"{self._install()}")
        agent = self.root / "opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl"
        agent.parent.mkdir(parents=True)
        agent.write_text('#!/bin/bash\necho "agent $*" >>"$GAS_INSTALL_ROOT/agent.log"\n')
        agent.chmod(0o755)

    def install(self, role: str, **env: str) -> "tuple[int, str]":
        done = self.stubs.run(
            "bash",
            self.release / "install.sh",
            *("--role", role, "--prefix", "gas"),
            env={
                "GAS_INSTALL_ROOT": str(self.root),
                "AWS_DEFAULT_REGION": "us-east-1",
                "GAS_INSTALL_PAUSE": "0",
                "GAS_INSTALL_TRIES": "5",
                **env,
            },
        )
        return done.returncode, done.stdout + done.stderr

    def env(self) -> dict[str, str]:
        lines = (self.root / "etc/gas/gas.env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def read(self, path: str) -> str:
        return (self.root / path).read_text()

    @staticmethod
    def _venv() -> str:
        stub = 'printf \'#!/bin/bash\\n\' >"$3/bin/pip"; cp "$3/bin/pip" "$3/bin/python"'
        return f'mkdir -p "$3/bin"; {stub}; chmod +x "$3"/bin/*'

    @staticmethod
    def _install() -> str:
        return (
            'words=(); while [ $# -gt 0 ]; do case "$1" in -o | -g) shift 2 ;; '
            f'*) words+=("$1"); shift ;; esac; done; {shutil.which("install")} "${{words[@]}}"'
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("role", ["web", "annotator", "services"])
def test_what_a_machine_is_told_is_a_whole_configuration(machine: Machine, role: str) -> None:
    status, said = machine.install(role)
    assert status == 0, said
    env = machine.env()
    settings = Settings.from_env(env)
    assert settings.backend is Backend.AWS
    assert settings.base_url == "https://gas.example.org"
    assert settings.inputs_bucket == "gas-inputs-123456789012"
    assert settings.scale_pool == "gas-annotator"
    assert settings.database_url.startswith("postgresql+psycopg2://gas:pass4word@db.example.org")
    assert "sslmode=verify-full" in settings.database_url
    assert settings.engine_memory_bytes > 100_000_000
    assert not settings.is_local


def test_settings_can_be_read_by_the_service_and_by_nobody_else(machine: Machine) -> None:
    machine.install("web")
    assert (machine.root / "etc/gas/gas.env").stat().st_mode & 0o777 == 0o640
    assert machine.stubs.said("chown root:gas")


def test_only_web_machines_learn_what_signs_and_logs_in(machine: Machine) -> None:
    machine.install("web")
    assert machine.env()["GAS_SECRET_KEY"] == "a-secret-key"
    assert machine.env()["GAS_GLOBUS_CLIENT_SECRET"] == "a-globus-secret"
    assert machine.env()["GAS_TRUSTED_PROXIES"] == "1"


@pytest.mark.parametrize("role", ["annotator", "services"])
def test_other_machines_do_not_even_ask(machine: Machine, role: str) -> None:
    machine.install(role)
    asked = machine.stubs.said("aws secretsmanager")
    assert [call for call in asked if "database" not in call] == []
    assert "BIND" not in str(machine.env())


@pytest.mark.parametrize(
    ("role", "units"),
    [
        ("web", {"web"}),
        ("annotator", {"annotator", "drain"}),
        ("services", {"notify", "archive", "restore", "thaw", "sweep", "scale"}),
    ],
)
def test_each_role_starts_its_units_and_no_other(
    machine: Machine, role: str, units: set[str]
) -> None:
    machine.install(role)
    started = {call.split("gas-")[1] for call in machine.stubs.said("systemctl restart")}
    assert started == units
    installed = {
        path.stem.removeprefix("gas-")
        for path in (machine.root / "etc/systemd/system").glob("gas-*.service")
    }
    assert installed == units


def test_each_daemon_takes_the_role_of_its_name(machine: Machine) -> None:
    machine.install("services")
    config = machine.read("etc/gas/aws.config")
    assert "role_arn = arn:aws:iam::123456789012:role/gas-sweep-us-east-1" in config
    assert config.count("credential_source = Ec2InstanceMetadata") == 6
    drop_in = machine.read("etc/systemd/system/gas-sweep.service.d/machine.conf")
    assert "AWS_PROFILE=sweep" in drop_in


def test_an_annotator_may_take_as_long_to_stop_as_a_job_may_run(machine: Machine) -> None:
    machine.install("annotator")
    drop_in = machine.read("etc/systemd/system/gas-annotator.service.d/machine.conf")
    settings = Settings.from_env(machine.env())
    stop = int(drop_in.split("TimeoutStopSec=")[1].split()[0])
    assert settings.drain >= settings.job_time_limit
    assert stop > settings.drain.total_seconds()


def test_logs_go_where_the_agent_looks(machine: Machine) -> None:
    machine.install("web")
    drop_in = machine.read("etc/systemd/system/gas-web.service.d/machine.conf")
    assert "StandardError=append:/var/log/gas/web.log" in drop_in
    agent = machine.read("opt/aws/amazon-cloudwatch-agent/etc/gas.json")
    assert '"/gas/web"' in agent
    assert "@" not in agent
    assert "fetch-config" in machine.read("agent.log")


def test_installing_again_changes_nothing(machine: Machine) -> None:
    machine.install("services")
    before = _tree(machine.root)
    status, said = machine.install("services")
    assert status == 0, said
    assert _tree(machine.root) == before
    assert len(machine.stubs.said("python3.11 -m venv")) == 1


def test_a_new_release_lies_beside_the_old_one_and_is_the_one_in_use(machine: Machine) -> None:
    machine.install("web")
    (machine.release / "VERSION").write_text("8\n")
    machine.install("web")
    assert (machine.root / "opt/gas").readlink() == Path("/opt/gas-8")
    assert (machine.root / "opt/gas-7").exists()


def test_a_unit_that_does_not_stay_up_fails_the_installation(machine: Machine) -> None:
    machine.stubs.add("systemctl", 'case "$*" in is-active*) exit 3 ;; esac')
    status, said = machine.install("services")
    assert status == 1
    assert "it does not work" in said


def test_a_web_machine_that_does_not_answer_fails_the_installation(machine: Machine) -> None:
    machine.stubs.add("curl", 'case "$*" in *healthz*) exit 7 ;; esac')
    status, _ = machine.install("web")
    assert status == 1


def test_a_secret_that_cannot_be_read_fails_the_installation(machine: Machine) -> None:
    machine.stubs.add("aws", f'case "$*" in *secret-key*) exit 254 ;; esac\n{AWS}')
    status, _ = machine.install("web")
    assert status != 0
    assert machine.stubs.said("systemctl restart") == []


def test_a_role_that_nobody_knows_is_refused(machine: Machine) -> None:
    status, said = machine.install("janitor")
    assert status == 2
    assert "roles.tsv" in said


def _tree(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): path.read_text()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != "agent.log"
    }
