"""Page tokens: where the next page starts, signed, and worth something to one user only."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass

from gas.domain.errors import RefusedError

PURPOSE = b"gas page token 1"
SIGNATURE_BYTES = 16


@dataclass(frozen=True, kw_only=True)
class Position:
    """The last job of a page: the next one starts behind it.  `submit_time` as DynamoDB has it."""

    submit_time: str
    job_id: str


class PageTokens:
    """Seals positions, and opens only what was sealed here for the same user."""

    def __init__(self, secret_key: str) -> None:
        self._key = hashlib.sha256(PURPOSE + b"\0" + secret_key.encode()).digest()

    def seal(self, position: Position, user_id: str) -> str:
        """The position as an opaque word that fits a URL."""
        body = json.dumps([position.submit_time, position.job_id]).encode()
        return base64.urlsafe_b64encode(self._sign(body, user_id) + body).decode().rstrip("=")

    def open(self, token: str, user_id: str) -> Position:
        """The position; raises RefusedError for a token that is forged or another user's."""
        try:
            padded = token.encode("ascii") + b"=" * (-len(token) % 4)
            signed = base64.b64decode(padded, altchars=b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error):
            raise _refused() from None
        signature, body = signed[:SIGNATURE_BYTES], signed[SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(body, user_id)):
            raise _refused()
        submit_time, job_id = _words(json.loads(body))
        return Position(submit_time=submit_time, job_id=job_id)

    def _sign(self, body: bytes, user_id: str) -> bytes:
        signed = len(user_id.encode()).to_bytes(4) + user_id.encode() + body
        return hmac.digest(self._key, signed, "sha256")[:SIGNATURE_BYTES]


def _words(parts: Sequence[str]) -> tuple[str, str]:
    submit_time, job_id = parts
    return submit_time, job_id


def _refused() -> RefusedError:
    return RefusedError("bad-page", "This page link is not valid.", "Open the list anew.")
