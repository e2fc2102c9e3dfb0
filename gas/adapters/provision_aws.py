"""Creates everything the service needs in AWS, in an emulator or in a developer's account.

Every step reads what is there and writes only what differs, so that a second run changes
nothing.  A deployment for others is made by the stack templates, under the same names.
"""

from collections.abc import Sequence

from gas.adapters.aws import names_of
from gas.adapters.aws_client import AwsClients, SesClient
from gas.adapters.aws_errors import translated
from gas.adapters.provision_archive import provision_archive, provision_vault
from gas.adapters.provision_queues import provision_queues
from gas.adapters.provision_report import Report, Step
from gas.adapters.provision_s3 import provision_bucket
from gas.adapters.provision_tables import provision_tables
from gas.config import Settings
from gas.domain.errors import NotFoundError


def provision_aws(settings: Settings) -> Sequence[Step]:
    """Make what is missing, mend what differs; says each step, in order.

    Raises ConfigurationError where something of the same name is in the way.
    """
    clients = AwsClients(settings)
    names = names_of(settings, clients)
    report = Report()
    s3 = clients.s3()
    for bucket in (settings.inputs_bucket, settings.results_bucket):
        provision_bucket(s3, bucket, settings, report)
    provision_tables(clients.dynamodb(), names, report)
    provision_queues(clients.sns(), clients.sqs(), names, settings, report)
    provision_archive(s3, clients.sns(), names, settings, report)
    provision_vault(clients.glacier(), settings, report)
    _provision_sender(clients.ses(), settings.mail_from, report)
    return report.steps


def _provision_sender(ses: SesClient, address: str, report: Report) -> None:
    """On AWS, SES writes to the address and sends nothing from it until that is confirmed."""
    try:
        with translated({"NotFoundException": NotFoundError()}):
            ses.get_email_identity(EmailIdentity=address)
    except NotFoundError:
        with translated():
            ses.create_email_identity(EmailIdentity=address)
        report.made("sender", address)
    else:
        report.found("sender", address)
