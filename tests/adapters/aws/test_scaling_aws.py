from collections.abc import Iterator
from datetime import datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from gas.adapters.autoscaling import AutoScalingPool
from gas.adapters.memory import MemoryClock
from gas.adapters.scaling_aws import ScalingOutside, connect_scaling
from gas.config import Settings
from gas.domain.errors import ConfigurationError, OutageError
from gas.ports import Backlog

REGION = "us-east-1"


def _settings(**changes: str) -> Settings:
    return Settings.from_env(
        {
            "GAS_BACKEND": "aws",
            "GAS_BASE_URL": "http://127.0.0.1:8080",
            "GAS_SECRET_KEY": "secret",
            "DATABASE_URL": "sqlite://",
            "GAS_GLOBUS_CLIENT_ID": "id",
            "GAS_GLOBUS_CLIENT_SECRET": "secret",
            "GAS_SCALE_POOL": "gas-annotator",
            **changes,
        }
    )


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        boto3.client("sqs", region_name=REGION).create_queue(QueueName="gas-annotate")
        _a_group()
        yield


@pytest.fixture
def outside(aws: None) -> ScalingOutside:
    return connect_scaling(_settings(), MemoryClock())


def _a_group() -> None:
    ec2 = boto3.client("ec2", region_name=REGION)
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    image = ec2.describe_images()["Images"][0]["ImageId"]
    ec2.create_launch_template(
        LaunchTemplateName="gas-annotator",
        LaunchTemplateData={"ImageId": image, "InstanceType": "t3.small"},
    )
    boto3.client("autoscaling", region_name=REGION).create_auto_scaling_group(
        AutoScalingGroupName="gas-annotator",
        MinSize=2,
        MaxSize=20,
        VPCZoneIdentifier=subnet,
        LaunchTemplate={"LaunchTemplateName": "gas-annotator", "Version": "1"},
    )


def test_waiting_and_running_messages_are_told_apart(outside: ScalingOutside) -> None:
    sqs = boto3.client("sqs", region_name=REGION)
    url = sqs.get_queue_url(QueueName="gas-annotate")["QueueUrl"]
    for _ in range(3):
        sqs.send_message(QueueUrl=url, MessageBody="{}")
    sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1, VisibilityTimeout=60)
    assert outside.pool.backlog() == Backlog(waiting=2, running=1)


def test_the_pool_is_given_the_size_asked_for(outside: ScalingOutside) -> None:
    assert outside.pool.size() == 2
    outside.pool.resize(5)
    assert outside.pool.size() == 5


def test_a_pool_that_is_not_there_is_the_operators_to_mend(aws: None) -> None:
    outside = connect_scaling(_settings(GAS_SCALE_POOL="another"), MemoryClock())
    with pytest.raises(ConfigurationError, match="another"):
        outside.pool.size()


def test_figures_become_metrics_of_this_deployment(outside: ScalingOutside) -> None:
    outside.gauges.show({"JobsWaiting": 7, "MachinesWanted": 4})
    cloudwatch = boto3.client("cloudwatch", region_name=REGION)
    metrics = cloudwatch.list_metrics(Namespace="GAS/Scaling")["Metrics"]
    assert {metric["MetricName"] for metric in metrics} == {"JobsWaiting", "MachinesWanted"}
    assert metrics[0]["Dimensions"] == [{"Name": "Deployment", "Value": "gas"}]
    points = cloudwatch.get_metric_statistics(
        Namespace="GAS/Scaling",
        MetricName="JobsWaiting",
        Dimensions=metrics[0]["Dimensions"],
        StartTime=datetime(2025, 12, 31),  # noqa: DTZ001 - as the SDK takes it
        EndTime=datetime(2026, 1, 2),  # noqa: DTZ001 - as above
        Period=60,
        Statistics=["Maximum"],
    )["Datapoints"]
    assert [point["Maximum"] for point in points] == [7]


@pytest.mark.parametrize("changes", [{"GAS_SCALE_POOL": ""}, {"GAS_BACKEND": "embedded"}])
def test_without_a_pool_the_scaler_does_not_start(changes: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="no pool"):
        connect_scaling(_settings(**changes), MemoryClock())


def test_a_group_that_is_being_changed_is_asked_again_later(aws: None) -> None:
    class Busy:
        def describe_auto_scaling_groups(self, **_: object) -> Any:
            raise NotImplementedError

        def set_desired_capacity(self, **_: object) -> object:
            answer = {"Error": {"Code": "ScalingActivityInProgress", "Message": "busy"}}
            raise ClientError(answer, "SetDesiredCapacity")  # type: ignore[arg-type]

    sqs = boto3.client("sqs", region_name=REGION)
    pool = AutoScalingPool(Busy(), sqs, group="gas-annotator", queue_name="gas-annotate")
    with pytest.raises(OutageError):
        pool.resize(3)
