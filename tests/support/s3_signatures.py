"""What S3 checks of a signed form and of a signed link, as S3's documentation has it.

Pure: no HTTP here.  Every refusal carries S3's status, code and words.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

UNCHECKED = frozenset({"policy", "x-amz-signature", "awsaccesskeyid", "file", "bucket"})
"""Form fields that need no condition (`bucket` is not a field but is matched like one)."""

ALGORITHM = "AWS4-HMAC-SHA256"
LONGEST_LINK = timedelta(days=7)


class RefusalError(Exception):
    """S3 says no: its HTTP status, its code, its words, and what else its answer names."""

    def __init__(self, status: int, code: str, message: str, **details: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details


def denied(message: str) -> RefusalError:
    """The refusal S3 uses most."""
    return RefusalError(403, "AccessDenied", message)


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """How large a form's file may be, in bytes, both ends included."""

    least: int
    most: int

    def check(self, size: int) -> None:
        """Refuse a file of another size."""
        if size > self.most:
            raise RefusalError(
                400,
                "EntityTooLarge",
                "Your proposed upload exceeds the maximum allowed size",
                ProposedSize=str(size),
                MaxSizeAllowed=str(self.most),
            )
        if size < self.least:
            raise RefusalError(
                400,
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size",
                ProposedSize=str(size),
                MinSizeAllowed=str(self.least),
            )


ANY_SIZE = Allowed(least=0, most=5 * 1024**3)


def check_form(
    fields: Mapping[str, str], bucket: str, secrets: Mapping[str, str], now: datetime
) -> Allowed:
    """Check a form's signature and policy; `fields` by lower-case name, the file left out.

    Returns how large the file may be.  Raises RefusalError.
    """
    if "policy" not in fields:
        raise denied("Access Denied")
    _check_form_signature(fields, secrets)
    policy = _policy(fields["policy"])
    if _moment(policy["expiration"]) <= now:
        raise denied("Invalid according to Policy: Policy expired.")
    values = {**fields, "bucket": bucket}
    allowed = ANY_SIZE
    named = set(UNCHECKED)
    for condition in policy["conditions"]:
        match condition:
            case ["content-length-range", least, most]:
                allowed = Allowed(least=int(least), most=int(most))
            case [("eq" | "starts-with") as test, str(field), str(wanted)]:
                named.add(_check_field(values, test, field.removeprefix("$"), wanted))
            case dict():
                for name, wanted in condition.items():
                    named.add(_check_field(values, "eq", name, wanted))
            case _:
                raise _invalid_policy()
    extra = [name for name in fields if name not in named and not name.startswith("x-ignore-")]
    if extra:
        raise denied(f"Invalid according to Policy: Extra input fields: {', '.join(extra)}")
    return allowed


def check_link(
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    secrets: Mapping[str, str],
    now: datetime,
) -> None:
    """Check a signed address as it was asked for; `headers` by lower-case name."""
    pairs = _pairs(query)
    given = dict(pairs)
    try:
        signed_at = datetime.strptime(given["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        lives = timedelta(seconds=int(given["X-Amz-Expires"]))
        credential = given["X-Amz-Credential"]
        signature = given["X-Amz-Signature"]
        names = given["X-Amz-SignedHeaders"].split(";")
    except (KeyError, ValueError):
        raise RefusalError(
            400, "AuthorizationQueryParametersError", "Query-string authentication is incomplete"
        ) from None
    if lives > LONGEST_LINK:
        raise RefusalError(
            400,
            "AuthorizationQueryParametersError",
            "X-Amz-Expires must be less than a week (in seconds)",
        )
    if now > signed_at + lives:
        raise denied("Request has expired")
    canonical_query = "&".join(
        f"{_encoded(name)}={_encoded(value)}"
        for name, value in sorted(pairs)
        if name != "X-Amz-Signature"
    )
    canonical = "\n".join(
        [
            method,
            path,
            canonical_query,
            *(f"{name}:{headers.get(name, '').strip()}" for name in names),
            "",
            ";".join(names),
            "UNSIGNED-PAYLOAD",
        ],
    )
    scope = credential.split("/", 1)[-1]
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join([ALGORITHM, given["X-Amz-Date"], scope, digest])
    _check_signature(text, credential, signature, secrets)


def _check_form_signature(fields: Mapping[str, str], secrets: Mapping[str, str]) -> None:
    needed = ("x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature")
    missing = [name for name in needed if name not in fields]
    if missing:
        raise RefusalError(
            400,
            "InvalidArgument",
            f"Bucket POST must contain a field named '{missing[0]}'.",
        )
    if fields["x-amz-algorithm"] != ALGORITHM:
        raise RefusalError(400, "InvalidArgument", f"X-Amz-Algorithm only supports {ALGORITHM}")
    _check_signature(
        fields["policy"], fields["x-amz-credential"], fields["x-amz-signature"], secrets
    )


def _check_signature(
    text: str, credential: str, signature: str, secrets: Mapping[str, str]
) -> None:
    access_key, *scope = credential.split("/")
    if access_key not in secrets:
        raise RefusalError(
            403,
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
        )
    key = f"AWS4{secrets[access_key]}".encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    wanted = hmac.new(key, text.encode(), "sha256").hexdigest()
    if not hmac.compare_digest(wanted, signature):
        raise RefusalError(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method.",
        )


def _policy(encoded: str) -> Mapping[str, Any]:
    try:
        policy = json.loads(base64.b64decode(encoded, validate=True))
        _moment(policy["expiration"])
        if not isinstance(policy["conditions"], list):
            raise _invalid_policy()
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise _invalid_policy() from None
    return dict(policy)


def _check_field(values: Mapping[str, str], test: str, name: str, wanted: str) -> str:
    """Hold one field against one condition; returns the field's name in lower case."""
    given = values.get(name.lower(), "")
    holds = given == wanted if test == "eq" else given.startswith(wanted)
    if not holds:
        said = json.dumps([test, f"${name}", wanted])
        raise denied(f"Invalid according to Policy: Policy Condition failed: {said}")
    return name.lower()


def _invalid_policy() -> RefusalError:
    return RefusalError(
        400,
        "InvalidPolicyDocument",
        "The content of the form does not meet the conditions specified in the policy document.",
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _pairs(query: str) -> Sequence[tuple[str, str]]:
    parts = [part.partition("=") for part in query.split("&") if part]
    return [(unquote(name), unquote(value)) for name, _, value in parts]


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")
