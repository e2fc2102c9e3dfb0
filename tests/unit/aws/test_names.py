"""One name for one thing: in the code, in the templates, in what a machine is told."""

import re
from pathlib import Path
from typing import Any

import pytest

from gas.adapters.aws_names import Names
from gas.adapters.provision_queues import KEPT, KEPT_DEAD
from gas.adapters.provision_s3 import cors_rules
from gas.adapters.provision_tables import NUMBERS, tables
from gas.adapters.scaling_aws import NAMESPACE
from gas.config import Settings, setting_names
from gas.domain.message import SUBSCRIPTIONS, Queue, Topic
from tests.support.from_templates import Environment, queue_rows
from tests.support.templates import stack

ROOT = Path(__file__).parents[3]
ENVIRONMENT = Environment(base_url="https://gas.example.org")
NAMES = Names(
    prefix=ENVIRONMENT.prefix,
    partition="aws",
    region=ENVIRONMENT.region,
    account_id=ENVIRONMENT.account_id,
)
ENV = {
    "GAS_BASE_URL": "https://gas.example.org",
    "GAS_SECRET_KEY": "secret",
    "DATABASE_URL": "sqlite://",
    "GAS_GLOBUS_CLIENT_ID": "id",
    "GAS_GLOBUS_CLIENT_SECRET": "secret",
}
SETTINGS = Settings.from_env(ENV)


def _of(stack_name: str, kind: str, **parameters: str) -> list[dict[str, Any]]:
    resolve = ENVIRONMENT.resolver(stack(stack_name), parameters)
    return [resolve(dict(found)) for found in stack(stack_name).of_type(kind).values()]


def test_every_topic_of_the_code_is_in_the_messaging_stack() -> None:
    names = {topic["TopicName"] for topic in _of("messaging", "AWS::SNS::Topic")}
    missing = {NAMES.topic(topic) for topic in Topic} - names
    assert not missing, f"add to aws/stacks/messaging.yaml an AWS::SNS::Topic each: {missing}"
    assert names - {NAMES.topic(topic) for topic in Topic} == {"gas-alarms"}


def test_every_queue_of_the_code_has_a_row_that_hears_its_topics() -> None:
    wanted = {
        (queue.value, topic.value) for topic, queues in SUBSCRIPTIONS.items() for queue in queues
    }
    rows = {(row["Queue"], row["Topic"]) for row in queue_rows()}
    assert wanted - rows == set(), (
        "add to aws/queues.tsv a row each, and its rights to the role of its consumer in "
        f"aws/stacks/services.yaml: {wanted - rows}"
    )
    assert rows - wanted == set(), "aws/queues.tsv has rows that the code does not know"
    assert {queue for queue, _ in rows} == {queue.value for queue in Queue}


@pytest.mark.parametrize("row", queue_rows(), ids=lambda row: row["Queue"])
def test_a_queue_is_made_as_the_code_makes_it(row: dict[str, str]) -> None:
    queue = Queue(row["Queue"])
    made = {found["QueueName"]: found for found in _of("queue", "AWS::SQS::Queue", **row)}
    assert set(made) == {NAMES.queue(queue), NAMES.dead_letters(queue), NAMES.undelivered(queue)}
    main = made[NAMES.queue(queue)]
    assert int(main["VisibilityTimeout"]) == SETTINGS.lease.total_seconds()
    assert int(main["VisibilityTimeout"]) >= 2 * SETTINGS.heartbeat.total_seconds()
    assert int(main["MessageRetentionPeriod"]) == KEPT
    assert int(main["RedrivePolicy"]["maxReceiveCount"]) == SETTINGS.max_receives
    assert int(main["ReceiveMessageWaitTimeSeconds"]) == SETTINGS.poll.total_seconds()
    for name in (NAMES.dead_letters(queue), NAMES.undelivered(queue)):
        assert int(made[name]["MessageRetentionPeriod"]) == KEPT_DEAD > KEPT
    assert all(found["SqsManagedSseEnabled"] for found in made.values())


@pytest.mark.parametrize("row", queue_rows(), ids=lambda row: row["Queue"])
def test_only_its_topic_may_write_to_a_queue_and_only_over_tls(row: dict[str, str]) -> None:
    queue, topic = Queue(row["Queue"]), Topic(row["Topic"])
    for policy in _of("queue", "AWS::SQS::QueuePolicy", **row):
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow":
                assert statement["Action"] == "sqs:SendMessage"
                assert statement["Principal"] == {"Service": "sns.amazonaws.com"}
                arn = NAMES.topic_arn(topic)
                assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": arn}}
            else:
                assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    (subscription,) = _of("queue", "AWS::SNS::Subscription", **row)
    assert subscription["Endpoint"] == NAMES.queue_arn(NAMES.queue(queue))
    assert subscription["TopicArn"] == NAMES.topic_arn(topic)
    assert subscription["RawMessageDelivery"] is True
    undelivered = NAMES.queue_arn(NAMES.undelivered(queue))
    assert subscription["RedrivePolicy"] == {"deadLetterTargetArn": undelivered}


@pytest.mark.parametrize("row", queue_rows(), ids=lambda row: row["Queue"])
def test_every_dead_letter_and_every_old_message_rings(row: dict[str, str]) -> None:
    queue = Queue(row["Queue"])
    watched = {
        (alarm["MetricName"], alarm["Dimensions"][0]["Value"]): alarm["Threshold"]
        for alarm in _of("queue", "AWS::CloudWatch::Alarm", **row)
    }
    visible = "ApproximateNumberOfMessagesVisible"
    assert watched[visible, NAMES.dead_letters(queue)] == 0
    assert watched[visible, NAMES.undelivered(queue)] == 0
    assert ("ApproximateAgeOfOldestMessage", NAMES.queue(queue)) in watched


def test_every_table_is_made_as_the_code_makes_it() -> None:
    made = {table["TableName"]: table for table in _of("data", "AWS::DynamoDB::Table")}
    assert set(made) == {table.name for table in tables(NAMES)}
    for table in tables(NAMES):
        found = made[table.name]
        assert found["KeySchema"] == [{"AttributeName": table.key, "KeyType": "HASH"}]
        indexes = {
            index["IndexName"]: (
                [key["AttributeName"] for key in index["KeySchema"]],
                index["Projection"]["ProjectionType"],
            )
            for index in found["GlobalSecondaryIndexes"]
        }
        assert indexes == {
            index.name: ([index.by, index.sorted_by], "ALL" if index.whole else "KEYS_ONLY")
            for index in table.indexes
        }
        kinds = {
            row["AttributeName"]: row["AttributeType"] for row in found["AttributeDefinitions"]
        }
        assert all(kinds[name] == ("N" if name in NUMBERS else "S") for name in kinds)
        purged = found.get("TimeToLiveSpecification", {}).get("AttributeName")
        assert purged == table.purged_by


def test_buckets_answer_to_the_pages_as_the_code_has_it() -> None:
    made = {bucket["BucketName"]: bucket for bucket in _of("data", "AWS::S3::Bucket")}
    (wanted,) = cors_rules("https://gas.example.org")
    for name in ("inputs", "results"):
        (rule,) = made[f"gas-{name}-{ENVIRONMENT.account_id}"]["CorsConfiguration"]["CorsRules"]
        assert rule["AllowedOrigins"] == wanted["AllowedOrigins"]
        assert rule["AllowedMethods"] == wanted["AllowedMethods"]
        assert rule["AllowedHeaders"] == wanted["AllowedHeaders"]
        assert rule["ExposedHeaders"] == wanted["ExposeHeaders"]


def test_every_setting_that_a_machine_is_told_is_one_the_code_reads() -> None:
    told = set(re.findall(r"/settings/([A-Z_]+)", (ROOT / "aws/stacks/data.yaml").read_text()))
    told |= set(re.findall(r"/settings/([A-Z_]+)", (ROOT / "aws/stacks/workers.yaml").read_text()))
    install = (ROOT / "aws/install.sh").read_text()
    told |= set(re.findall(r'^\s+echo "([A-Z_]+)=', install, flags=re.MULTILINE))
    assert told <= set(setting_names()), told - set(setting_names())
    needed = {name for name in setting_names() if name not in _with_a_default()}
    assert needed <= told, f"nothing tells a machine {needed - told}"


def test_every_figure_that_an_alarm_watches_is_one_the_code_shows() -> None:
    template = (ROOT / "aws/stacks/observability.yaml").read_text()
    assert f"Namespace: {NAMESPACE}" in template
    assert '"MachinesWanted"' in (ROOT / "util/scale.py").read_text()
    code = "".join(
        path.read_text()
        for folder in ("gas", "ann", "util", "web")
        for path in (ROOT / folder).rglob("*.py")
    )
    for event in re.findall(r'\$\.event = "([^"]+)"', template):
        assert f'"{event}"' in code, event
    failed = re.search(r"FilterPattern: '\"([^\"]+)\"'", template)
    assert failed
    for pool in ("web", "workers", "services"):
        assert failed[1] in (ROOT / f"aws/stacks/{pool}.yaml").read_text()


def test_every_unit_runs_on_exactly_one_pool() -> None:
    rows = [
        line.split("\t")
        for line in (ROOT / "aws/node/roles.tsv").read_text().splitlines()
        if not line.startswith("#")
    ]
    placed = [unit for _, units in rows for unit in units.split()]
    units = [
        path.stem.removeprefix("gas-") for path in (ROOT / "aws/systemd").glob("gas-*.service")
    ]
    assert sorted(placed) == sorted(units), "aws/node/roles.tsv names each unit of aws/systemd once"
    told = {role for role, _ in rows}
    assert told == {"web", "annotator", "services"}


def test_every_daemon_of_the_services_pool_has_a_role_it_may_take() -> None:
    roles = {role["RoleName"] for role in _of("services", "AWS::IAM::Role")}
    (row,) = re.findall(
        r"^services\t(.*)$", (ROOT / "aws/node/roles.tsv").read_text(), re.MULTILINE
    )
    for unit in row.split():
        assert f"gas-{unit}-{ENVIRONMENT.region}" in roles, f"services.yaml lacks a role for {unit}"
    (pool,) = [
        role
        for role in _of("services", "AWS::IAM::Role")
        if role["RoleName"] == f"gas-services-{ENVIRONMENT.region}"
    ]
    (taken,) = [
        statement
        for statement in pool["Policies"][0]["PolicyDocument"]["Statement"]
        if statement["Action"] == ["sts:AssumeRole"]
    ]
    assert {arn.rpartition("/")[2] for arn in taken["Resource"]} == {
        f"gas-{unit}-{ENVIRONMENT.region}" for unit in row.split()
    }


def test_the_three_pools_boot_alike() -> None:
    texts = set()
    for pool, role in (("web", "web"), ("workers", "annotator"), ("services", "services")):
        (launch,) = stack(pool).of_type("AWS::EC2::LaunchTemplate").values()
        text = launch["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Sub"][0]
        texts.add(text.replace(f"--role {role}", "--role R").replace(f"}}-{role}'", "}-R'"))
    assert len(texts) == 1


def _with_a_default() -> set[str]:
    found = set()
    for name in setting_names():
        try:
            Settings.from_env({key: value for key, value in ENV.items() if key != name})
        except Exception:  # noqa: BLE001, S112 - whatever it is, there is no default
            continue
        found.add(name)
    return found
