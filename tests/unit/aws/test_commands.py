"""aws-deploy, aws-upgrade, aws-delete: what they ask of AWS, in which order, and when they stop."""

import json
import shutil
from pathlib import Path

import pytest

from tests.support.from_templates import queue_rows
from tests.support.stubs import Stubs
from tests.support.templates import stacks

ROOT = Path(__file__).parents[3]

AWS = """
here=$(dirname "$0")
case "$*" in
  *describe-stacks*LatestLaunchVersion*) echo 4 ;;
  *describe-stacks*ReleasesBucket*) echo gas-releases ;;
  *start-instance-refresh*) echo refresh-1 ;;
  *describe-instance-refreshes*) cat "$here/status" 2>/dev/null || echo Successful ;;
  *describe-auto-scaling-groups*) cat "$here/policy" ;;
  *describe-load-balancers*) echo arn:aws:elasticloadbalancing:balancer ;;
  *describe-change-set*) printf 'Modify\\tLaunch\\tAWS::EC2::LaunchTemplate\\tFalse\\n' ;;
  *--no-execute-changeset*) echo 'Run: ... --change-set-name arn:aws:cf:x:changeSet/cli/1' ;;
esac
"""

POLICY = {
    "LaunchTemplate": {
        "LaunchTemplateSpecification": {
            "LaunchTemplateId": "lt-1",
            "LaunchTemplateName": "gas-annotator",
            "Version": "3",
        },
        "Overrides": [{"InstanceType": "c6a.large"}],
    },
    "InstancesDistribution": {"OnDemandBaseCapacity": 2},
}


class Operator:
    """A copy of the commands with an environment and a release, and an aws that only listens."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "tree"
        shutil.copytree(
            ROOT / "aws", self.home / "aws", ignore=shutil.ignore_patterns("production.env")
        )
        example = (self.home / "aws/environments/example.env").read_text()
        (self.home / "aws/environments/production.env").write_text(example)
        (self.home / "dist").mkdir()
        release = self.home / "dist/gas-20260101.000000-abc-x86_64.tar.gz"
        release.write_bytes(b"")
        release.with_name(release.name + ".sha256").write_text(f"{'a' * 64}  {release.name}\n")
        self.stubs = Stubs(folder / "bin")
        self.stubs.add("aws", AWS)
        (self.stubs.folder / "policy").write_text(json.dumps(POLICY))

    def does(self, command: str, **env: str) -> tuple[int, str]:
        done = self.stubs.run(
            "bash",
            self.home / "aws/bin" / command,
            env={"ENV": "production", "POLL_SECONDS": "0", **env},
            cwd=self.home,
        )
        return done.returncode, done.stdout + done.stderr

    def deployed(self) -> list[str]:
        calls = self.stubs.said("aws cloudformation deploy")
        return [call.split("--stack-name ")[1].split()[0] for call in calls]


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


def test_a_deploy_makes_every_stack_in_order(operator: Operator) -> None:
    status, said = operator.does("deploy")
    assert status == 0, said
    order = [
        line
        for line in (ROOT / "aws/stacks/order.txt").read_text().splitlines()
        if not line.startswith("#")
    ]
    wanted = []
    for name in order:
        rows = [f"queue-{row['Queue']}" for row in queue_rows()] if name == "queue" else [name]
        wanted += [f"gas-{row}" for row in rows]
    assert operator.deployed() == wanted


def test_every_parameter_without_a_default_is_given(operator: Operator) -> None:
    operator.does("deploy")
    calls = operator.stubs.said("aws cloudformation deploy")
    for found in stacks():
        needed = {
            name
            for name, parameter in found.tree["Parameters"].items()
            if "Default" not in parameter
        }
        of_stack = [call for call in calls if f"stacks/{found.name}.yaml" in call]
        assert of_stack, found.name
        for call in of_stack:
            given = {word.split("=")[0] for word in call.split() if "=" in word}
            assert needed <= given, f"{found.name}: {needed - given}"
            assert given - {"gas"} <= set(found.tree["Parameters"]), found.name


def test_the_release_is_there_before_machines_ask_for_it(operator: Operator) -> None:
    operator.does("deploy")
    calls = operator.stubs.calls
    uploaded = next(place for place, call in enumerate(calls) if call.startswith("aws s3 cp"))
    web = next(place for place, call in enumerate(calls) if "--stack-name gas-web" in call)
    assert uploaded < web
    assert f"ReleaseSha256={'a' * 64}" in calls[web]
    assert "Release=releases/gas-20260101.000000-abc-x86_64.tar.gz" in calls[web]


def test_a_dry_run_prints_the_change_and_changes_nothing(operator: Operator) -> None:
    status, said = operator.does("deploy", DRY_RUN="1")
    assert status == 0, said
    assert "would change in gas-web:" in said
    assert "AWS::EC2::LaunchTemplate" in said
    changing = [
        call
        for call in operator.stubs.calls
        if " deploy " in call and "--no-execute-changeset" not in call
    ]
    assert changing == []
    assert operator.stubs.said("aws s3 cp") == []


def test_the_foundation_alone_leaves_the_machines_for_later(operator: Operator) -> None:
    operator.does("deploy", ONLY="foundation")
    assert "gas-data" in operator.deployed()
    assert "gas-web" not in operator.deployed()


def test_an_upgrade_replaces_consumers_before_the_web(operator: Operator) -> None:
    status, said = operator.does("upgrade")
    assert status == 0, said
    refreshed = operator.stubs.said("aws autoscaling start-instance-refresh")
    assert [call.split("group-name ")[1].split()[0] for call in refreshed] == [
        "gas-services",
        "gas-annotator",
        "gas-web",
    ]
    assert all('"AutoRollback":true' in call and '"Version":"4"' in call for call in refreshed)


def test_the_annotators_keep_their_machine_types_and_spot_share(operator: Operator) -> None:
    operator.does("upgrade")
    (call,) = [
        call
        for call in operator.stubs.said("aws autoscaling start-instance-refresh")
        if "gas-annotator" in call
    ]
    said = call.split("--desired-configuration ")[1].split(" --query")[0]
    policy = json.loads(said)["MixedInstancesPolicy"]
    assert policy["LaunchTemplate"]["Overrides"] == [{"InstanceType": "c6a.large"}]
    assert policy["InstancesDistribution"] == {"OnDemandBaseCapacity": 2}
    template = policy["LaunchTemplate"]["LaunchTemplateSpecification"]
    assert template == {"LaunchTemplateId": "lt-1", "Version": "4"}


def test_a_pool_keeps_its_version_until_the_new_one_has_proved_itself(operator: Operator) -> None:
    operator.does("upgrade")
    calls = operator.stubs.calls
    pinned = [place for place, call in enumerate(calls) if "LaunchVersion=4" in call]
    proved = [place for place, call in enumerate(calls) if "describe-instance-refreshes" in call]
    assert len(pinned) == 3
    assert all(before < after for before, after in zip(proved, pinned, strict=True))


@pytest.mark.parametrize("status", ["Failed", "RollbackSuccessful", "Cancelled", "RollbackFailed"])
def test_a_release_that_a_pool_does_not_take_reaches_no_other(
    operator: Operator, status: str
) -> None:
    (operator.stubs.folder / "status").write_text(status)
    code, said = operator.does("upgrade")
    assert code == 1
    assert status in said
    assert len(operator.stubs.said("aws autoscaling start-instance-refresh")) == 1
    assert "LaunchVersion=" not in str(operator.stubs.calls)


def test_taking_an_environment_down_has_to_be_meant(operator: Operator) -> None:
    code, said = operator.does("delete")
    assert code == 2
    assert "CONFIRM=gas" in said
    assert operator.stubs.calls == []


def test_an_environment_goes_in_the_opposite_order(operator: Operator) -> None:
    code, said = operator.does("delete", CONFIRM="gas")
    assert code == 0, said
    gone = [
        call.split()[-1].removeprefix("gas-")
        for call in operator.stubs.said("aws cloudformation delete-stack")
    ]
    assert gone.index("observability") < gone.index("web") < gone.index("data")
    assert gone.index("data") < gone.index("messaging") < gone.index("network")
    assert "artifacts" in gone


def test_a_dry_delete_only_says_what_it_would_do(operator: Operator) -> None:
    code, said = operator.does("delete", DRY_RUN="1")
    assert code == 0
    assert "would run: aws cloudformation delete-stack --stack-name gas-web" in said
    assert operator.stubs.said("aws cloudformation delete-stack") == []
    assert operator.stubs.said("aws rds modify") == []


@pytest.mark.parametrize("command", ["deploy", "upgrade", "delete"])
def test_an_environment_that_is_not_described_is_refused(operator: Operator, command: str) -> None:
    code, said = operator.does(command, ENV="nowhere")
    assert code == 2
    assert "example.env" in said
    assert operator.stubs.calls == []


def test_without_a_release_nothing_is_rolled_out(operator: Operator) -> None:
    shutil.rmtree(operator.home / "dist")
    code, said = operator.does("upgrade")
    assert code == 2
    assert "make aws-package" in said


def test_a_release_for_graviton_gets_graviton_machines(operator: Operator) -> None:
    release = operator.home / "dist/gas-20260102.000000-abc-aarch64.tar.gz"
    release.write_bytes(b"")
    release.with_name(release.name + ".sha256").write_text(f"{'b' * 64}  {release.name}\n")
    operator.does("deploy")
    calls = operator.stubs.said("aws cloudformation deploy")
    workers = next(call for call in calls if "gas-workers" in call)
    assert "arm64" in workers
    assert "m7g.large" in workers
