"""Provisioning: what it makes, that a second run changes nothing, and what it refuses."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from gas.adapters.provision_aws import provision_aws
from gas.adapters.provision_report import Did
from gas.config import Settings
from gas.domain.errors import ConfigurationError
from gas.domain.message import SUBSCRIPTIONS, Queue
from tests.adapters.worlds.aws import ENVIRONMENT
from util import provision

REGION = "us-east-1"
ACCOUNT = ENVIRONMENT["GAS_AWS_ACCOUNT_ID"]
ARN = f"arn:aws:{{}}:{REGION}:{ACCOUNT}:{{}}"


@pytest.fixture(autouse=True)
def moto_in_process() -> Iterator[None]:
    with mock_aws():
        yield


def _client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


def _queue(name: str) -> Mapping[str, str]:
    sqs = _client("sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    attributes: Mapping[str, str] = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])[
        "Attributes"
    ]
    return attributes


def test_the_first_run_makes_everything_and_the_second_changes_nothing(settings: Settings) -> None:
    first = provision_aws(settings)
    second = provision_aws(settings)
    assert [(step.what, step.name) for step in first] == [(step.what, step.name) for step in second]
    assert {step.did for step in second} == {Did.FOUND}
    names = {step.name for step in first}
    assert {"gas-inputs", "gas-results", "gas-jobs", "gas-outbox", "gas-uploads"} <= names
    assert {"gas-annotate", "gas-annotate-dead", "gas-annotate-undelivered"} <= names
    assert {"gas-job-requests -> gas-annotate", "gas@example.org"} <= names


def test_what_was_changed_by_hand_is_mended(settings: Settings) -> None:
    provision_aws(settings)
    _client("s3").put_bucket_versioning(
        Bucket="gas-inputs", VersioningConfiguration={"Status": "Suspended"}
    )
    _client("s3").delete_bucket_cors(Bucket="gas-results")
    sqs, sns = _client("sqs"), _client("sns")
    url = sqs.get_queue_url(QueueName="gas-notify")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "5000"})
    arn = ARN.format("sns", "gas-job-requests")
    subscription = sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"][0]
    sns.set_subscription_attributes(
        SubscriptionArn=subscription["SubscriptionArn"],
        AttributeName="RawMessageDelivery",
        AttributeValue="false",
    )
    steps = provision_aws(settings)
    changed = {(step.what, step.name) for step in steps if step.did is Did.CHANGED}
    assert changed == {
        ("versioning", "gas-inputs"),
        ("cross-origin rules", "gas-results"),
        ("queue", "gas-notify"),
        ("subscription", "gas-job-requests -> gas-annotate"),
    }
    assert {step.did for step in provision_aws(settings)} == {Did.FOUND}


def test_buckets_are_private_encrypted_and_versioned(settings: Settings) -> None:
    provision_aws(settings)
    s3 = _client("s3")
    for bucket in ("gas-inputs", "gas-results"):
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
        block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        assert set(block.values()) == {True}
        owned = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]
        assert owned["Rules"][0]["ObjectOwnership"] == "BucketOwnerEnforced"
        rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
        assert rules["Rules"][0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
        lifecycle = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        assert lifecycle[0]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
        assert lifecycle[1]["NoncurrentVersionExpiration"]["NoncurrentDays"] == 30


def test_only_the_pages_own_origin_may_use_a_bucket(settings: Settings) -> None:
    provision_aws(replace(settings, base_url="https://gas.example.org/under/a/path"))
    (rule,) = _client("s3").get_bucket_cors(Bucket="gas-inputs")["CORSRules"]
    assert rule["AllowedOrigins"] == ["https://gas.example.org"]
    assert set(rule["AllowedMethods"]) == {"GET", "HEAD", "POST"}
    assert {"ETag", "Content-Range"} <= set(rule["ExposeHeaders"])


def test_every_queue_has_a_dead_letter_queue_that_keeps_longer(settings: Settings) -> None:
    provision_aws(settings)
    for queue in Queue:
        attributes, dead = _queue(f"gas-{queue.value}"), _queue(f"gas-{queue.value}-dead")
        redrive = json.loads(attributes["RedrivePolicy"])
        assert redrive["deadLetterTargetArn"] == dead["QueueArn"]
        assert int(redrive["maxReceiveCount"]) == settings.max_receives
        assert int(dead["MessageRetentionPeriod"]) > int(attributes["MessageRetentionPeriod"])
        assert attributes["VisibilityTimeout"] == "1"


def test_only_its_topics_may_send_to_a_queue(settings: Settings) -> None:
    provision_aws(settings)
    for topic, queues in SUBSCRIPTIONS.items():
        for queue in queues:
            for name in (f"gas-{queue.value}", f"gas-{queue.value}-undelivered"):
                attributes = _queue(name)
                (statement,) = json.loads(attributes["Policy"])["Statement"]
                assert statement["Principal"] == {"Service": "sns.amazonaws.com"}
                assert statement["Action"] == "sqs:SendMessage"
                assert statement["Resource"] == attributes["QueueArn"]
                sources = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
                assert ARN.format("sns", f"gas-{topic.value}") in sources
            assert "Policy" not in _queue(f"gas-{queue.value}-dead")


def test_subscriptions_are_raw_and_have_a_dead_letter_queue_of_their_own(
    settings: Settings,
) -> None:
    provision_aws(settings)
    sns = _client("sns")
    for topic, queues in SUBSCRIPTIONS.items():
        arn = ARN.format("sns", f"gas-{topic.value}")
        rows = sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
        assert len(rows) == len(queues)
        for row in rows:
            attributes = sns.get_subscription_attributes(SubscriptionArn=row["SubscriptionArn"])[
                "Attributes"
            ]
            assert attributes["RawMessageDelivery"] == "true"
            redrive = json.loads(attributes["RedrivePolicy"])
            assert redrive["deadLetterTargetArn"] == f"{row['Endpoint']}-undelivered"


def test_tables_are_billed_by_use_and_can_be_recovered(settings: Settings) -> None:
    provision_aws(settings)
    dynamodb = _client("dynamodb")
    for name in ("gas-jobs", "gas-outbox", "gas-uploads"):
        table = dynamodb.describe_table(TableName=name)["Table"]
        assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
        backups = dynamodb.describe_continuous_backups(TableName=name)
        recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"
    purge = dynamodb.describe_time_to_live(TableName="gas-uploads")["TimeToLiveDescription"]
    assert purge == {"AttributeName": "purge_at", "TimeToLiveStatus": "ENABLED"}


def test_the_job_indexes_carry_keys_only(settings: Settings) -> None:
    provision_aws(settings)
    table = _client("dynamodb").describe_table(TableName="gas-jobs")["Table"]
    kinds = {
        index["IndexName"]: index["Projection"]["ProjectionType"]
        for index in table["GlobalSecondaryIndexes"]
    }
    assert kinds == dict.fromkeys(
        ("by-user", "unfinished", "unfinished-of-user", "watched"), "KEYS_ONLY"
    )


def test_a_table_with_other_keys_is_never_touched(settings: Settings) -> None:
    _client("dynamodb").create_table(
        TableName="gas-jobs",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    with pytest.raises(ConfigurationError, match="gas-jobs is there with other keys"):
        provision_aws(settings)


def test_another_accounts_number_is_noticed(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="GAS_AWS_ACCOUNT_ID"):
        provision_aws(replace(settings, aws_account_id="999999999999"))


def test_other_regions_get_their_own_buckets(settings: Settings) -> None:
    provision_aws(replace(settings, aws_region="eu-central-1"))
    place = _client("s3").get_bucket_location(Bucket="gas-inputs")["LocationConstraint"]
    assert place == "eu-central-1"


def test_the_queues_poll_and_hide_as_the_settings_say(settings: Settings) -> None:
    provision_aws(replace(settings, poll=timedelta(seconds=90), lease=timedelta(milliseconds=1500)))
    attributes = _queue("gas-annotate")
    assert attributes["ReceiveMessageWaitTimeSeconds"] == "20"
    assert attributes["VisibilityTimeout"] == "2"


def test_the_command_says_what_it_made_or_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Settings, "from_env", lambda: _settings({}))
    assert provision.main() == 0
    assert "made    table                   gas-jobs\n" in capsys.readouterr().out
    assert provision.main() == 0
    assert "found   table                   gas-jobs\n" in capsys.readouterr().out


def test_the_command_says_why_it_stopped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        Settings, "from_env", lambda: _settings({"GAS_AWS_ACCOUNT_ID": "999999999999"})
    )
    assert provision.main() == 1
    assert "GAS_AWS_ACCOUNT_ID must be the account" in capsys.readouterr().err
    monkeypatch.setattr(Settings, "from_env", lambda: _settings({"GAS_BACKEND": "embedded"}))
    assert provision.main() == 2
    assert "nothing to provision" in capsys.readouterr().err


_from_env = Settings.from_env


def _settings(changes: Mapping[str, str]) -> Settings:
    return _from_env({**ENVIRONMENT, **changes})
