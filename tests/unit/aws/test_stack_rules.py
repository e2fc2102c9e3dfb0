"""Rules that every stack template keeps, whatever is added to it."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.templates import Stack, stack, stacks, walk

ROOT = Path(__file__).parents[3]
ALL = [pytest.param(found, id=found.name) for found in stacks()]
POOLS = ("web", "workers", "services")

WITHOUT_RESOURCE = {
    # AWS knows no resource for these; where it can, a condition binds them.
    "cloudwatch:PutMetricData",
    "autoscaling:DescribeAutoScalingGroups",
}


def _allowed(found: Stack) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement that allows something, with where it stands."""
    for path, node in walk(found.tree.get("Resources", {})):
        if isinstance(node, dict) and node.get("Effect") == "Allow":
            yield f"{found.name}{path}", node


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("found", ALL)
def test_no_statement_allows_a_wildcard_of_actions(found: Stack) -> None:
    for path, statement in _allowed(found):
        for action in _list(statement["Action"]):
            assert "*" not in action, f"{path} allows {action}"


@pytest.mark.parametrize("found", ALL)
def test_no_statement_allows_its_actions_on_everything(found: Stack) -> None:
    for path, statement in _allowed(found):
        if "*" in _list(statement.get("Resource", [])):
            assert set(_list(statement["Action"])) <= WITHOUT_RESOURCE, path


@pytest.mark.parametrize("found", ALL)
def test_metrics_are_written_to_our_namespaces_only(found: Stack) -> None:
    for path, statement in _allowed(found):
        if "cloudwatch:PutMetricData" in _list(statement["Action"]):
            namespace = statement["Condition"]["StringEquals"]["cloudwatch:namespace"]
            assert namespace.startswith("GAS/"), path


@pytest.mark.parametrize("found", ALL)
def test_nobody_is_allowed_anything_by_being_anybody(found: Stack) -> None:
    for path, statement in _allowed(found):
        assert statement.get("Principal") not in ("*", {"AWS": "*"}), path


@pytest.mark.parametrize("found", ALL)
def test_a_service_of_aws_is_let_in_for_this_account_or_topic_only(found: Stack) -> None:
    assumed = {"ec2.amazonaws.com"}
    balancer = "logdelivery.elasticloadbalancing.amazonaws.com"
    for path, statement in _allowed(found):
        service = (statement.get("Principal") or {}).get("Service")
        if service is None or service in assumed:
            continue
        if service == balancer:
            assert "AWS::AccountId" in str(statement["Resource"]), path
            continue
        assert re.search(r"aws:Source(Account|Arn)", str(statement.get("Condition"))), path


def test_every_bucket_is_private_encrypted_versioned_and_tls_only() -> None:
    seen = 0
    for found in stacks():
        policies = {
            policy["Bucket"]["Ref"]: policy["PolicyDocument"]["Statement"]
            for policy in found.of_type("AWS::S3::BucketPolicy").values()
        }
        for name, bucket in found.of_type("AWS::S3::Bucket").items():
            seen += 1
            assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}, name
            assert len(bucket["PublicAccessBlockConfiguration"]) == 4, name
            assert "ServerSideEncryptionConfiguration" in bucket["BucketEncryption"], name
            assert bucket["VersioningConfiguration"]["Status"] == "Enabled", name
            rules = bucket["LifecycleConfiguration"]["Rules"]
            assert any("AbortIncompleteMultipartUpload" in rule for rule in rules), name
            assert any("NoncurrentVersionExpiration" in rule for rule in rules), name
            denied = next(rule for rule in policies[name] if rule["Effect"] == "Deny")
            assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}, name
            assert denied["Action"] == "s3:*", name
            assert len(denied["Resource"]) == 2, name
    assert seen == 4


@pytest.mark.parametrize("found", ALL)
def test_what_holds_data_survives_its_stack(found: Stack) -> None:
    keepers = {
        "AWS::S3::Bucket": "Retain",
        "AWS::DynamoDB::Table": "Retain",
        "AWS::SecretsManager::Secret": "Retain",
        "AWS::SQS::Queue": "Retain",
        "AWS::RDS::DBInstance": "Snapshot",
    }
    for name, resource in found.resources.items():
        if resource["Type"] in keepers:
            wanted = keepers[resource["Type"]]
            assert resource.get("DeletionPolicy") == wanted, name
            assert resource.get("UpdateReplacePolicy") == wanted, name


def test_the_database_is_encrypted_hidden_backed_up_and_guarded() -> None:
    (database,) = stack("data").of_type("AWS::RDS::DBInstance").values()
    assert database["StorageEncrypted"] is True
    assert database["PubliclyAccessible"] is False
    assert database["DeletionProtection"] is True
    assert database["BackupRetentionPeriod"] >= 7
    assert "resolve:secretsmanager" in str(database["MasterUserPassword"])


def test_every_table_can_be_brought_back_to_any_second() -> None:
    for name, table in stack("data").of_type("AWS::DynamoDB::Table").items():
        assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], name
        assert table["DeletionProtectionEnabled"], name


@pytest.mark.parametrize("pool", POOLS)
def test_machines_answer_only_to_signed_metadata_requests_of_their_own(pool: str) -> None:
    (launch,) = stack(pool).of_type("AWS::EC2::LaunchTemplate").values()
    data = launch["LaunchTemplateData"]
    assert data["MetadataOptions"] == {
        "HttpEndpoint": "enabled",
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": 1,
    }
    assert "KeyName" not in data
    (network,) = data["NetworkInterfaces"]
    assert network["AssociatePublicIpAddress"] is False
    assert all(disk["Ebs"]["Encrypted"] for disk in data["BlockDeviceMappings"])


def test_no_port_is_open_to_the_world_but_the_balancers() -> None:
    for found in stacks():
        for name, group in found.of_type("AWS::EC2::SecurityGroup").items():
            for rule in group.get("SecurityGroupIngress", []):
                assert rule["FromPort"] not in (22, 3389), name
                if rule.get("CidrIp") == "0.0.0.0/0":
                    assert name == "BalancerGroup", name
                    assert rule["FromPort"] in (80, 443), name


def test_the_balancer_drops_bad_headers_and_guards_against_smuggling() -> None:
    (balancer,) = stack("web").of_type("AWS::ElasticLoadBalancingV2::LoadBalancer").values()
    attributes = {row["Key"]: row["Value"] for row in balancer["LoadBalancerAttributes"]}
    assert attributes["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert attributes["routing.http.desync_mitigation_mode"] == "defensive"
    assert attributes["access_logs.s3.enabled"] == "true"
    # gunicorn keeps a connection longer than the balancer does (web/server.py).
    assert int(attributes["idle_timeout.timeout_seconds"]) < 75


def test_http_is_only_sent_on_to_https_of_today() -> None:
    listeners = stack("web").of_type("AWS::ElasticLoadBalancingV2::Listener")
    assert listeners["Redirect"]["DefaultActions"][0]["Type"] == "redirect"
    assert listeners["Listener"]["SslPolicy"].startswith("ELBSecurityPolicy-TLS13")


def test_what_is_for_operators_is_not_reachable_from_outside() -> None:
    (rule,) = stack("web").of_type("AWS::ElasticLoadBalancingV2::ListenerRule").values()
    paths = rule["Conditions"][0]["PathPatternConfig"]["Values"]
    assert "/readyz" in paths
    assert rule["Actions"][0]["FixedResponseConfig"]["StatusCode"] == "404"


@pytest.mark.parametrize("pool", POOLS)
def test_a_machine_that_does_not_become_ready_is_replaced(pool: str) -> None:
    (group,) = stack(pool).of_type("AWS::AutoScaling::AutoScalingGroup").values()
    hooks = {hook["LifecycleHookName"]: hook for hook in group["LifecycleHookSpecificationList"]}
    assert hooks["boot"]["LifecycleTransition"] == "autoscaling:EC2_INSTANCE_LAUNCHING"
    assert hooks["boot"]["DefaultResult"] == "ABANDON"


def test_an_annotator_is_not_ended_while_it_drains() -> None:
    (group,) = stack("workers").of_type("AWS::AutoScaling::AutoScalingGroup").values()
    hooks = {hook["LifecycleHookName"]: hook for hook in group["LifecycleHookSpecificationList"]}
    drain = hooks["drain"]
    assert drain["LifecycleTransition"] == "autoscaling:EC2_INSTANCE_TERMINATING"
    # The hook lasts 100 times its timeout at most; the longest job takes eleven hours.
    assert drain["HeartbeatTimeout"] * 100 > 11 * 3600
    assert "DesiredCapacity" not in group


def test_no_pool_can_shrink_to_nothing() -> None:
    for pool, parameter in (("web", "Least"), ("workers", "Least"), ("services", "Machines")):
        assert stack(pool).tree["Parameters"][parameter]["Default"] == 2


@pytest.mark.parametrize("found", ALL)
def test_every_alarm_tells_somebody_and_says_what_it_means(found: Stack) -> None:
    for name, alarm in found.of_type("AWS::CloudWatch::Alarm").items():
        assert alarm["AlarmActions"], name
        assert len(alarm["AlarmDescription"]) > 20, name


def test_the_runbook_tells_what_to_do_about_every_alarm() -> None:
    runbook = (ROOT / "docs/runbook-aws.md").read_text()
    for found in stacks():
        for alarm in found.of_type("AWS::CloudWatch::Alarm").values():
            name = alarm["AlarmName"]["Fn::Sub"].split("}")[-1].lstrip("-")
            assert f"`{name}`" in runbook, name


@pytest.mark.parametrize("found", ALL)
def test_every_stack_takes_the_prefix_and_every_name_begins_with_it(found: Stack) -> None:
    assert "Prefix" in found.tree["Parameters"]
    for output in found.tree.get("Outputs", {}).values():
        if "Export" in output:
            assert output["Export"]["Name"]["Fn::Sub"].startswith("${Prefix}-")


def test_what_one_stack_imports_another_exports_before_it() -> None:
    order = [
        line.split()[0]
        for line in (ROOT / "aws/stacks/order.txt").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert sorted(order) == sorted(found.name for found in stacks())
    exported: set[str] = set()
    for name in order:
        found = stack(name)
        for path, node in walk(found.tree):
            if isinstance(node, dict) and "Fn::ImportValue" in node:
                assert node["Fn::ImportValue"]["Fn::Sub"] in exported, f"{name}{path}"
        for output in found.tree.get("Outputs", {}).values():
            if "Export" in output:
                exported.add(output["Export"]["Name"]["Fn::Sub"])


def test_no_template_is_too_large_to_be_sent_as_it_is() -> None:
    for path in (ROOT / "aws/stacks").glob("*.yaml"):
        assert path.stat().st_size < 51_200, path.name


def test_everything_that_is_skipped_by_a_checker_has_its_reason() -> None:
    for found in stacks():
        for name, resource in found.resources.items():
            for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", []):
                assert len(skip["comment"].split()) >= 5, f"{found.name} {name} {skip['id']}"


def test_the_stacks_are_the_only_templates() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "aws"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    templates = [name for name in tracked if name.endswith((".yaml", ".yml"))]
    assert all(name.startswith("aws/stacks/") for name in templates)
