"""Codes, tokens and the key that signs: the memory of the stand-in."""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from gas.config import Settings
from gas.ports import Clock
from web.standin.people import Person

CODE_TIME = timedelta(seconds=60)
TOKEN_TIME = timedelta(hours=48)
KEY_ID = "stand-in"
ALGORITHM = "RS512"


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What a code or a token stands for."""

    person: Person
    scope: str
    nonce: str
    challenge: str
    expires_at: datetime


class StandIn:
    """Codes, tokens and the signing key."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.issuer = settings.globus_auth_url
        self.redirect_uri = f"{settings.base_url}/login/callback"
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.codes: dict[str, Grant] = {}
        self.tokens: dict[str, Grant] = {}

    def give_code(self, person: Person, *, scope: str, nonce: str, challenge: str) -> str:
        """A code for one exchange within a minute."""
        now = self.clock.now()
        self.codes = {code: grant for code, grant in self.codes.items() if now < grant.expires_at}
        code = secrets.token_urlsafe(24)
        self.codes[code] = Grant(
            person=person,
            scope=scope,
            nonce=nonce,
            challenge=challenge,
            expires_at=now + CODE_TIME,
        )
        return code

    def take_code(self, code: str, verifier: str) -> Grant | None:
        """What the code stands for, once, to whoever holds its PKCE verifier."""
        grant = self.codes.pop(code, None)
        if grant is None or self.clock.now() >= grant.expires_at:
            return None
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        return grant if hmac.compare_digest(challenge, grant.challenge) else None

    def give_token(self, grant: Grant) -> str:
        """An access token."""
        token = secrets.token_urlsafe(32)
        self.tokens[token] = grant
        return token

    def id_token(self, grant: Grant) -> str:
        """The proof of identity, in the form Globus Auth gives it."""
        now = int(self.clock.now().timestamp())
        person = grant.person
        claims = {
            "iss": self.issuer,
            "aud": self.settings.globus_client_id,
            "sub": person.sub,
            "iat": now,
            "exp": now + int(TOKEN_TIME.total_seconds()),
            "nonce": grant.nonce,
            "name": person.name,
            "email": person.email,
            "preferred_username": person.email,
            "identity_provider_display_name": "Stand-in for Globus Auth",
            "last_authentication": now,
        }
        return jwt.encode(claims, self.key, ALGORITHM, headers={"kid": KEY_ID})
