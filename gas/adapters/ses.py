"""E-mail through SES, API version 2.

Version 2 is the one AWS develops.  The message is sent as MIME built by the standard library:
what is sent is what can be read and tested, and a header cannot be broken by what is put in it.
SES drops no repeats, so the mail's id travels as a header and as a tag, to recognise one by.
"""

import re
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

from botocore.exceptions import ClientError

from gas.adapters.aws_client import SesClient
from gas.adapters.aws_errors import code_of, translated
from gas.domain.errors import ConfigurationError, RefusedError
from gas.ports import Mail

_UNSAFE_IN_TAG = re.compile(r"[^A-Za-z0-9_-]")
TAG_LIMIT = 256


class SESMailer:
    """Sends from one verified address."""

    def __init__(self, client: SesClient, *, mail_from: str) -> None:
        self._client = client
        self._mail_from = mail_from

    def send(self, mail: Mail) -> None:
        tag = _UNSAFE_IN_TAG.sub("_", mail.mail_id)[:TAG_LIMIT]
        body = self._mime(mail)
        with translated({"BadRequestException": _refused(), "MessageRejected": _refused()}):
            try:
                self._client.send_email(
                    FromEmailAddress=self._mail_from,
                    Content={"Raw": {"Data": body}},
                    EmailTags=[{"Name": "mail_id", "Value": tag}],
                )
            except ClientError as error:
                # SES rejects a message for its sender too, which is not the recipient's fault.
                if code_of(error) == "MessageRejected" and self._mail_from in str(error):
                    raise ConfigurationError("SES may not send from GAS_MAIL_FROM") from error
                raise

    def _mime(self, mail: Mail) -> bytes:
        message = EmailMessage(policy=SMTP)
        message["From"] = self._mail_from
        message["To"] = _recipient(mail.to)
        message["Subject"] = mail.subject
        message["X-GAS-Mail-Id"] = mail.mail_id
        # Out-of-office programs do not answer what says this of itself (RFC 3834).
        message["Auto-Submitted"] = "auto-generated"
        # Seven bits, because not every server on the way takes eight.
        message.set_content(mail.text, cte="quoted-printable")
        message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
        return message.as_bytes()


def _recipient(address: str) -> Address:
    """Exactly one address, whatever stands in it; raises RefusedError."""
    try:
        recipient = Address(addr_spec=address)
    except (HeaderParseError, ValueError, IndexError):
        raise _refused() from None
    if not recipient.domain or not address.isascii():
        raise _refused()
    return recipient


def _refused() -> RefusedError:
    return RefusedError(
        "bad-address",
        "The mail provider does not take this e-mail address.",
        "Correct the address at your identity provider, then log in again.",
    )
