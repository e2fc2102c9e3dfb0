"""E-mail through SES."""

import email
import email.policy
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends

from gas.adapters.aws import AwsOutside, connect_aws
from gas.adapters.clock import SystemClock
from gas.config import Settings
from gas.domain.errors import ConfigurationError, OutageError, RefusedError
from gas.ports import Mail

MAIL = Mail(
    mail_id="job-1.completed",
    to="ada@example.org",
    subject="Your annotation is ready: père \u4f60.vcf",
    text="It is ready, père.\n",
    html="<p>It is ready, père.</p>\n",
)


def _sent() -> EmailMessage:
    (sent,) = ses_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].sent_messages
    assert sent.destinations == ["ada@example.org"]
    message = email.message_from_string(sent.raw_data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_a_mail_goes_out_as_text_and_html_with_its_id(outside: AwsOutside) -> None:
    outside.mailer.send(MAIL)
    message = _sent()
    assert message["From"] == "gas@example.org"
    assert message["To"] == MAIL.to
    assert message["Subject"] == MAIL.subject
    assert message["X-GAS-Mail-Id"] == MAIL.mail_id
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "multipart/alternative"
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().replace("\r\n", "\n") == MAIL.text
    assert html.get_content().replace("\r\n", "\n") == MAIL.html


def test_the_id_is_a_tag_too_in_the_letters_a_tag_may_have(
    outside: AwsOutside, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    client = outside.mailer._client
    monkeypatch.setattr(client, "send_email", lambda **request: asked.append(request))
    outside.mailer.send(replace(MAIL, mail_id="job-1.completed:" + "x" * 300))
    (tag,) = asked[0]["EmailTags"]
    assert tag["Name"] == "mail_id"
    assert tag["Value"].startswith("job-1_completed_xxx")
    assert len(tag["Value"]) == 256


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "ada@",
        "@example.org",
        "ada@example.org, eve@example.org",
        "ada@example.org\r\nBcc: eve@example.org",
        "Ada <ada@example.org>",
        "ada@exämple.org",
    ],
)
def test_what_is_not_one_address_is_refused_and_nothing_is_sent(
    outside: AwsOutside, address: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        outside.mailer.send(replace(MAIL, to=address))
    assert refused.value.code == "bad-address"
    assert not ses_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].sent_messages


def test_a_line_break_in_a_subject_cannot_add_a_header(outside: AwsOutside) -> None:
    with pytest.raises(ValueError, match="linefeed"):
        outside.mailer.send(replace(MAIL, subject="ready\r\nBcc: eve@example.org"))


def _failing(outside: AwsOutside, patch: pytest.MonkeyPatch, code: str, words: str = "") -> None:
    error = ClientError(
        {
            "Error": {"Code": code, "Message": words},
            "ResponseMetadata": {"HTTPStatusCode": 400},  # type: ignore[typeddict-item]
        },
        "SendEmail",
    )

    def fail(**_: object) -> None:
        raise error

    patch.setattr(outside.mailer._client, "send_email", fail)


@pytest.mark.parametrize("code", ["MessageRejected", "BadRequestException"])
def test_an_address_that_ses_rejects_is_refused(
    outside: AwsOutside, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    words = "Email address is not verified: ada@example.org"
    _failing(outside, monkeypatch, code, words)
    with pytest.raises(RefusedError):
        outside.mailer.send(MAIL)


@pytest.mark.parametrize(
    "code", ["TooManyRequestsException", "LimitExceededException", "SendingPausedException"]
)
def test_throttling_is_an_outage(
    outside: AwsOutside, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    _failing(outside, monkeypatch, code)
    with pytest.raises(OutageError):
        outside.mailer.send(MAIL)


def test_a_sender_that_is_not_verified_is_the_operators_to_mend(
    outside: AwsOutside, settings: Settings
) -> None:
    stranger = connect_aws(replace(settings, mail_from="nobody@elsewhere.org"), SystemClock())
    with pytest.raises(ConfigurationError, match="GAS_MAIL_FROM"):
        stranger.mailer.send(MAIL)
