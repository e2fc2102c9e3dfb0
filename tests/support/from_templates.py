"""An environment built from the stack templates through the API.

An emulator's create_stack skips queue policies, subscriptions, topic and bucket policies, alarms
and more without a word; here they are read from the same templates and made one by one.

    environment = Environment(base_url=..., account_id=...)
    build(environment, endpoint="http://127.0.0.1:5000")    # everything the processes talk to
    settings = settings_of(environment)                     # what a machine would be told of it
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

import boto3

from tests.support.templates import ROOT, Resolver, Stack, stack

Body = dict[str, Any]
"""The properties of a resource, worked out."""

REGION = "us-east-1"
ACCOUNT = "123456789012"


def queue_rows() -> list[dict[str, str]]:
    """The parameters of the queue stack, by row of aws/queues.tsv."""
    names = ("Queue", "Topic", "VisibilitySeconds", "OldestSeconds")
    return [
        dict(zip(names, line.split("\t"), strict=True))
        for line in (ROOT / "aws/queues.tsv").read_text().splitlines()
        if line and not line.startswith("#")
    ]


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What an operator chooses."""

    prefix: str = "gas"
    base_url: str = "http://127.0.0.1:8080"
    mail_from: str = "gas@example.org"
    region: str = REGION
    account_id: str = ACCOUNT

    def resolver(self, found: Stack, parameters: Mapping[str, str] | None = None) -> Resolver:
        """Works the template's functions out for this environment."""
        values = {**self._known(), **(parameters or {})}
        return Resolver(found, {**values, **_named(self, Resolver(found, values))})

    def _known(self) -> dict[str, str]:
        prefix = self.prefix
        exports = {
            "VpcId": "vpc-1",
            "ReleasesBucket": f"{prefix}-releases-{self.account_id}-{self.region}",
            "AlarmsTopic": f"arn:aws:sns:{self.region}:{self.account_id}:{prefix}-alarms",
            "Inputs": f"{prefix}-inputs-{self.account_id}",
            "Results": f"{prefix}-results-{self.account_id}",
            "AccessLogs": f"{prefix}-access-logs-{self.account_id}",
            "SecretKey": self._secret("secret-key"),
            "GlobusSecret": self._secret("globus-client-secret"),
            "NodePolicy": f"arn:aws:iam::{self.account_id}:policy/{prefix}-node-{self.region}",
            "Balancer": "app/gas-web/1",
            "Targets": "targetgroup/gas-web/1",
            "Database": f"{prefix}-accounts",
            **{
                name: f"subnet-{place}"
                for place, name in enumerate(
                    (
                        *("PublicSubnetA", "PublicSubnetB", "PrivateSubnetA", "PrivateSubnetB"),
                        *("DatabaseSubnetA", "DatabaseSubnetB"),
                    )
                )
            },
            **{
                name: f"sg-{name.lower()}"
                for name in ("BalancerGroup", "WebGroup", "WorkerGroup", "DatabaseGroup")
            },
        }
        return {
            **{f"{prefix}-{name}": value for name, value in exports.items()},
            "AWS::Region": self.region,
            "AWS::AccountId": self.account_id,
            "AWS::Partition": "aws",
            "Prefix": prefix,
            "BaseUrl": self.base_url,
            "MailFrom": self.mail_from,
            "SenderIdentity": self.mail_from.rpartition("@")[2],
            "GlobusClientId": "00000000-0000-0000-0000-000000000000",
        }

    def _secret(self, name: str) -> str:
        return f"arn:aws:secretsmanager:{self.region}:{self.account_id}:secret:{self.prefix}/{name}"


NAMED = {
    "AWS::SQS::Queue": "QueueName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::IAM::Role": "RoleName",
    "AWS::SecretsManager::Secret": "Name",
    "AWS::AutoScaling::AutoScalingGroup": "AutoScalingGroupName",
    "AWS::RDS::DBInstance": "DBInstanceIdentifier",
}
"""The property that names a resource, by its kind."""


def _named(environment: Environment, resolve: Resolver) -> dict[str, str]:
    """What a reference to a resource of the template itself stands for."""
    where = f"{environment.region}:{environment.account_id}"
    arns = {
        "AWS::SQS::Queue": f"arn:aws:sqs:{where}:",
        "AWS::SNS::Topic": f"arn:aws:sns:{where}:",
        "AWS::Logs::LogGroup": f"arn:aws:logs:{where}:log-group:",
        "AWS::S3::Bucket": "arn:aws:s3:::",
        "AWS::IAM::Role": f"arn:aws:iam::{environment.account_id}:role/",
        "AWS::SecretsManager::Secret": f"arn:aws:secretsmanager:{where}:secret:",
    }
    referred_by_arn = ("AWS::SNS::Topic", "AWS::SecretsManager::Secret")
    out = {"Vpc": "vpc-1", "Database.Endpoint.Address": "database.example.org"}
    for logical, resource in resolve.stack.resources.items():
        kind, body = resource["Type"], resource.get("Properties", {})
        if kind not in NAMED:
            continue
        name = str(resolve(body.get(NAMED[kind], f"{resolve.stack.name}-{logical}")))
        arn = arns.get(kind, "") + name
        out[logical] = arn if kind in referred_by_arn else name
        out[f"{logical}.Arn"] = arn
        out[f"{logical}.{NAMED[kind]}"] = name
    return out


class Builder:
    """Makes the resources of one stack, in the order of the template."""

    def __init__(self, environment: Environment, endpoint: str | None) -> None:
        self._environment = environment
        self._session = boto3.session.Session(region_name=environment.region)
        self._endpoint = endpoint

    def build(self, name: str, parameters: Mapping[str, str] | None = None) -> None:
        """Everything of that stack that a process of the service can notice."""
        found = stack(name)
        resolve = self._environment.resolver(found, parameters)
        # What others point at comes first: the order of MAKERS, and dead letters before queues.
        for kind, make in MAKERS.items():
            bodies = [resolve(dict(body)) for body in found.of_type(kind).values()]
            for body in sorted(bodies, key=lambda body: "RedrivePolicy" in body):
                make(self, body)

    def client(self, service: str) -> Any:
        return self._session.client(service, endpoint_url=self._endpoint)

    def topic(self, body: Body) -> None:
        self.client("sns").create_topic(Name=body["TopicName"])

    def topic_policy(self, body: Body) -> None:
        for arn in body["Topics"]:
            self.client("sns").set_topic_attributes(
                TopicArn=arn,
                AttributeName="Policy",
                AttributeValue=json.dumps(body["PolicyDocument"]),
            )

    def queue(self, body: Body) -> None:
        names = (
            *("VisibilityTimeout", "MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds"),
            *("SqsManagedSseEnabled", "RedrivePolicy", "RedriveAllowPolicy"),
        )
        self.client("sqs").create_queue(
            QueueName=body["QueueName"],
            Attributes={name: _attribute(body[name]) for name in names if name in body},
        )

    def queue_policy(self, body: Body) -> None:
        sqs = self.client("sqs")
        for name in body["Queues"]:
            sqs.set_queue_attributes(
                QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"],
                Attributes={"Policy": json.dumps(body["PolicyDocument"])},
            )

    def subscription(self, body: Body) -> None:
        self.client("sns").subscribe(
            TopicArn=body["TopicArn"],
            Protocol=body["Protocol"],
            Endpoint=body["Endpoint"],
            Attributes={
                "RawMessageDelivery": _attribute(body["RawMessageDelivery"]),
                "RedrivePolicy": json.dumps(body["RedrivePolicy"]),
            },
        )

    def table(self, body: Body) -> None:
        dynamodb = self.client("dynamodb")
        dynamodb.create_table(
            TableName=body["TableName"],
            BillingMode=body["BillingMode"],
            AttributeDefinitions=body["AttributeDefinitions"],
            KeySchema=body["KeySchema"],
            GlobalSecondaryIndexes=body["GlobalSecondaryIndexes"],
        )
        if purge := body.get("TimeToLiveSpecification"):
            dynamodb.update_time_to_live(TableName=body["TableName"], TimeToLiveSpecification=purge)

    def bucket(self, body: Body) -> None:
        s3, name = self.client("s3"), body["BucketName"]
        s3.create_bucket(Bucket=name)
        s3.put_bucket_versioning(
            Bucket=name, VersioningConfiguration=body["VersioningConfiguration"]
        )
        s3.put_public_access_block(
            Bucket=name,
            PublicAccessBlockConfiguration=body["PublicAccessBlockConfiguration"],
        )
        if "CorsConfiguration" in body:
            (rule,) = body["CorsConfiguration"]["CorsRules"]
            spelled = {"Id": "ID", "ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds"}
            rules = [{spelled.get(key, key): value for key, value in rule.items()}]
            s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": rules})

    def parameter(self, body: Body) -> None:
        self.client("ssm").put_parameter(
            Name=body["Name"], Type=body["Type"], Value=str(body["Value"]), Overwrite=True
        )

    def secret(self, body: Body) -> None:
        made = {**json.loads(body["GenerateSecretString"].get("SecretStringTemplate", "{}"))}
        key = body["GenerateSecretString"].get("GenerateStringKey")
        value = json.dumps({**made, key: token_hex(20)}) if key else token_hex(32)
        self.client("secretsmanager").create_secret(Name=body["Name"], SecretString=value)

    def log_group(self, body: Body) -> None:
        self.client("logs").create_log_group(logGroupName=body["LogGroupName"])

    def alarm(self, body: Body) -> None:
        self.client("cloudwatch").put_metric_alarm(
            **{key: _number(key, value) for key, value in body.items()}
        )


MAKERS: dict[str, Callable[[Builder, Body], None]] = {
    "AWS::SNS::Topic": Builder.topic,
    "AWS::SNS::TopicPolicy": Builder.topic_policy,
    "AWS::SQS::Queue": Builder.queue,
    "AWS::SQS::QueuePolicy": Builder.queue_policy,
    "AWS::SNS::Subscription": Builder.subscription,
    "AWS::DynamoDB::Table": Builder.table,
    "AWS::S3::Bucket": Builder.bucket,
    "AWS::SSM::Parameter": Builder.parameter,
    "AWS::SecretsManager::Secret": Builder.secret,
    "AWS::Logs::LogGroup": Builder.log_group,
    "AWS::CloudWatch::Alarm": Builder.alarm,
}

BUILT = ("messaging", "data", "workers")
"""Besides the queues: the stacks whose resources the processes talk to or are told about."""


def build(environment: Environment, endpoint: str | None = None) -> None:
    """The environment, on AWS's own address or an emulator's; topics and queues first."""
    builder = Builder(environment, endpoint)
    builder.build("messaging")
    for row in queue_rows():
        builder.build("queue", row)
    for name in BUILT[1:]:
        builder.build(name)


def settings_of(environment: Environment) -> dict[str, str]:
    """The settings that a machine is told of through the parameter store."""
    settings: dict[str, str] = {}
    for name in BUILT:
        found = stack(name)
        resolve = environment.resolver(found)
        for body in found.of_type("AWS::SSM::Parameter").values():
            made = resolve(dict(body))
            _, _, folder, setting = made["Name"].split("/")
            if folder == "settings":
                settings[setting] = str(made["Value"])
    return settings


def _attribute(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, dict) else str(value)


def _number(key: str, value: Any) -> Any:
    return float(value) if key == "Threshold" else value
