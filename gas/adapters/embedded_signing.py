"""Signatures of the embedded store: what it hands out, it can recognise when it comes back."""

import base64
import binascii
import hashlib
import hmac


class Signer:
    """HMAC-SHA-256 under a key made from the deployment's secret, one key a purpose.

    A signature given for one purpose is worth nothing for another.
    """

    def __init__(self, secret_key: str, purpose: str) -> None:
        self._key = hmac.digest(secret_key.encode(), purpose.encode(), hashlib.sha256)

    def sign(self, text: str) -> str:
        """The signature of a text, in URL-safe base64."""
        return pack(hmac.digest(self._key, text.encode("utf-8", "replace"), hashlib.sha256))

    def is_ours(self, text: str, signature: str) -> bool:
        """Whether that signature was given to exactly that text."""
        return hmac.compare_digest(self.sign(text).encode(), signature.encode("utf-8", "replace"))


def pack(data: bytes) -> str:
    """Bytes in URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unpack(text: str) -> bytes:
    """The bytes that `pack` was given; raises ValueError for anything else."""
    try:
        raw = text.encode("ascii")
        return base64.b64decode(raw + b"=" * (-len(raw) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise ValueError("not URL-safe base64") from error
