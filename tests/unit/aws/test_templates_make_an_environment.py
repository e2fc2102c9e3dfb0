"""The templates make what the adapters need: through CloudFormation, and through the API."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from gas.adapters.aws import connect_aws
from gas.adapters.memory import MemoryClock
from gas.config import Settings
from gas.domain.message import Kind, Queue
from gas.relay import relay
from tests.builders import a_job, a_message
from tests.support.from_templates import MAKERS, Environment, build, queue_rows, settings_of
from tests.support.templates import STACKS, stack, stacks

ENVIRONMENT = Environment()

LEFT_TO_CLOUDFORMATION = {
    # Machines, networks and rights: no process of the service can tell in an emulator.
    *("AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::EC2::RouteTable", "AWS::EC2::Route"),
    *("AWS::EC2::SubnetRouteTableAssociation", "AWS::EC2::InternetGateway", "AWS::EC2::EIP"),
    *("AWS::EC2::VPCGatewayAttachment", "AWS::EC2::NatGateway", "AWS::EC2::VPCEndpoint"),
    *("AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupEgress", "AWS::EC2::FlowLog"),
    *("AWS::EC2::LaunchTemplate", "AWS::AutoScaling::AutoScalingGroup"),
    *("AWS::AutoScaling::ScalingPolicy", "AWS::ElasticLoadBalancingV2::LoadBalancer"),
    *("AWS::ElasticLoadBalancingV2::TargetGroup", "AWS::ElasticLoadBalancingV2::Listener"),
    *("AWS::ElasticLoadBalancingV2::ListenerRule", "AWS::IAM::Role"),
    *("AWS::IAM::InstanceProfile", "AWS::IAM::ManagedPolicy", "AWS::RDS::DBInstance"),
    *("AWS::RDS::DBSubnetGroup", "AWS::SecretsManager::SecretTargetAttachment"),
    *("AWS::CloudWatch::Dashboard", "AWS::Logs::MetricFilter"),
    # The emulator heeds the Deny of a bucket's policy and not its condition: nobody gets in.
    "AWS::S3::BucketPolicy",
}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield


def _settings() -> Settings:
    return Settings.from_env(
        {
            **settings_of(ENVIRONMENT),
            "GAS_SECRET_KEY": "secret",
            "DATABASE_URL": "sqlite://",
            "GAS_GLOBUS_CLIENT_SECRET": "secret",
            "GAS_POLL_SECONDS": "1",
        }
    )


def test_every_kind_of_resource_is_made_or_left_for_a_reason() -> None:
    kinds = {resource["Type"] for found in stacks() for resource in found.resources.values()}
    assert kinds == set(MAKERS) | LEFT_TO_CLOUDFORMATION


def test_the_adapters_work_on_what_the_templates_make(aws: None) -> None:
    build(ENVIRONMENT)
    outside = connect_aws(_settings(), MemoryClock())
    message = a_message()
    outside.jobs.add(a_job(), message)
    assert outside.jobs.get("job-1") == a_job()
    assert relay([message], outbox=outside.outbox, topics=outside.topics) == 1
    inbox = outside.inbox(Queue.ANNOTATE)
    (delivery,) = inbox.receive()
    assert delivery.body == message.to_json()
    inbox.bury(delivery, "nobody can read it")
    assert outside.dead_inbox(Queue.ANNOTATE).depth() == 1
    outside.topics.publish(a_message(kind=Kind.JOB_COMPLETED))
    (told,) = outside.inbox(Queue.NOTIFY).receive()
    assert "job.completed" in told.body
    form = outside.inputs.upload_form(
        "gas/ada/job-1~sample.vcf",
        max_bytes=10,
        content_type="text/plain",
        expires_in=timedelta(minutes=5),
        redirect_to="http://127.0.0.1:8080/annotate",
    )
    assert outside.inputs.bucket in form.url


def test_a_message_received_too_often_ends_in_the_dead_letters(aws: None) -> None:
    build(ENVIRONMENT)
    sqs = boto3.client("sqs", region_name=ENVIRONMENT.region)
    url = sqs.get_queue_url(QueueName="gas-annotate")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    for _ in range(5):
        assert sqs.receive_message(QueueUrl=url, VisibilityTimeout=0, WaitTimeSeconds=0)["Messages"]
    assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=0)
    dead = sqs.get_queue_url(QueueName="gas-annotate-dead")["QueueUrl"]
    assert len(sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=0)["Messages"]) == 1


def test_every_alarm_of_a_queue_can_be_made(aws: None) -> None:
    build(ENVIRONMENT)
    alarms = boto3.client("cloudwatch", region_name=ENVIRONMENT.region).describe_alarms()
    names = {alarm["AlarmName"] for alarm in alarms["MetricAlarms"]}
    assert {"gas-annotate-dead-letters", "gas-notify-oldest"} <= names


# What an emulator does not know it says, and leaves out; the tests above make it by the API.
@pytest.mark.filterwarnings("ignore:Tried to parse AWS")
def test_cloudformation_takes_what_the_emulator_knows(aws: None) -> None:
    cloudformation = boto3.client("cloudformation", region_name=ENVIRONMENT.region)
    _create(cloudformation, "artifacts", {})
    _create(cloudformation, "network", {})
    _create(cloudformation, "messaging", {})
    for row in queue_rows():
        _create(cloudformation, "queue", row, suffix=row["Queue"])
    sqs = boto3.client("sqs", region_name=ENVIRONMENT.region)
    names = {url.rpartition("/")[2] for url in sqs.list_queues()["QueueUrls"]}
    for row in queue_rows():
        for ending in ("", "-dead", "-undelivered"):
            assert f"gas-{row['Queue']}{ending}" in names
    buckets = boto3.client("s3", region_name=ENVIRONMENT.region).list_buckets()["Buckets"]
    assert [bucket["Name"] for bucket in buckets] == ["gas-releases-123456789012-us-east-1"]


def _create(client: Any, name: str, parameters: dict[str, str], suffix: str = "") -> None:
    stack_name = f"gas-{name}{suffix}"
    client.create_stack(
        StackName=stack_name,
        TemplateBody=(STACKS / f"{name}.yaml").read_text(),
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
        ],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    (made,) = client.describe_stacks(StackName=stack_name)["Stacks"]
    assert made["StackStatus"] == "CREATE_COMPLETE"
    resources = client.list_stack_resources(StackName=stack_name)["StackResourceSummaries"]
    assert resources
    named = {row["LogicalResourceId"] for row in resources} - {""}
    assert named <= set(stack(name).resources)
