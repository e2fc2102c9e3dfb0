"""Globus Auth: the authorization-code flow of a confidential client, with PKCE.

`state` is random; the PKCE verifier and the nonce are made from it with a key only the server
has, so that nothing need be kept between the two halves of a login but the state itself.
"""

import base64
import hashlib
import hmac
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import jwt
from globus_sdk import (
    ConfidentialAppAuthClient,
    GlobusAPIError,
    GlobusError,
    IDTokenDecoder,
    OAuthAuthorizationCodeResponse,
)
from globus_sdk.transport import RequestsTransport, RetryConfig

from gas.config import Settings
from gas.domain.errors import OutageError, RefusedError
from gas.ports import Clock

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 5.0
SCOPES = ("openid", "email", "profile")
SEEN_FRESH = timedelta(minutes=1)
FAILED_FRESH = timedelta(seconds=5)
RETRY_AFTER = timedelta(seconds=10)
SERVER_ERRORS = 500


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who signed in, as Globus Auth says, and the tokens it gave."""

    user_id: str
    name: str
    email: str
    institution: str
    tokens: Mapping[str, str]


class Globus:
    """Our registration with Globus Auth."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._key = hashlib.sha256(b"login:" + settings.secret_key.encode()).digest()
        self._configuration: dict[str, Any] | None = None
        self._seen_at = self._failed_at = clock.now() - 2 * SEEN_FRESH
        self._decoder: IDTokenDecoder | None = None

    @property
    def redirect_uri(self) -> str:
        """Where Globus Auth sends the browser back to; registered with it exactly so."""
        return f"{self._settings.base_url}/login/callback"

    def authorize_url(self, state: str) -> str:
        """Where the browser signs in; raises OutageError where Globus Auth does not answer."""
        self._check_reachable()
        client = self._client()
        client.oauth2_start_flow(self.redirect_uri, list(SCOPES), state=state)
        challenge = hashlib.sha256(self._secret("pkce", state).encode()).digest()
        return client.oauth2_get_authorize_url(
            query_params={
                "nonce": self._secret("nonce", state),
                "code_challenge": base64.urlsafe_b64encode(challenge).decode().rstrip("="),
                "code_challenge_method": "S256",
            }
        )

    def sign_in(self, code: str, state: str) -> Identity:
        """Turn the code into an identity that is checked; raises RefusedError or OutageError."""
        client = self._client()
        try:
            answer = client.oauth2_token(
                {
                    "grant_type": "authorization_code",
                    "code": code,
                    "redirect_uri": self.redirect_uri,
                    "code_verifier": self._secret("pkce", state),
                },
                response_class=OAuthAuthorizationCodeResponse,
            )
            claims = self._claims(str(answer["id_token"]))
        except GlobusError as error:
            raise _translated(error) from error
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError) as error:
            raise _refused("it carried no valid proof of identity") from error
        self._check(claims, self._secret("nonce", state))
        tokens = {
            server: str(token["access_token"])
            for server, token in answer.by_resource_server.items()
        }
        return Identity(
            user_id=str(claims["sub"]),
            name=str(claims.get("name") or claims.get("preferred_username") or ""),
            email=str(claims.get("email") or ""),
            institution=str(
                claims.get("organization") or claims.get("identity_provider_display_name") or ""
            ),
            tokens=tokens,
        )

    def revoke(self, tokens: Mapping[str, str]) -> None:
        """Make the tokens useless.  A login that ends must end, so failing is only logged."""
        client = self._client()
        for server, token in tokens.items():
            try:
                client.oauth2_revoke_token(token)
            except GlobusError as error:
                log.warning(
                    "a token could not be revoked",
                    extra={"resource_server": server, "reason": type(error).__name__},
                )

    def _client(self) -> ConfidentialAppAuthClient:
        return ConfidentialAppAuthClient(
            self._settings.globus_client_id,
            self._settings.globus_client_secret,
            environment="production",
            base_url=self._settings.globus_auth_url,
            app_name="GAS",
            transport=RequestsTransport(verify_ssl=True, http_timeout=TIMEOUT_SECONDS),
            retry_config=RetryConfig(max_retries=0),
        )

    def _secret(self, purpose: str, state: str) -> str:
        digest = hmac.digest(self._key, f"{purpose}:{state}".encode(), "sha256")
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def _check_reachable(self) -> None:
        """Ask before the browser is sent there: a page of ours can say to try again.

        No lock is held meanwhile, and a failure is believed for a while: people who want to sign
        in must not keep every thread from people who have.
        """
        now = self._clock.now()
        if now - self._seen_at < SEEN_FRESH:
            return
        if now - self._failed_at < FAILED_FRESH:
            raise OutageError("Globus Auth did not answer just now", retry_after=RETRY_AFTER)
        try:
            answer = self._client().get_openid_configuration()
        except GlobusError as error:
            self._failed_at = self._clock.now()
            raise _translated(error) from error
        self._configuration = dict(answer.data)
        self._seen_at = self._clock.now()

    def _claims(self, id_token: str) -> dict[str, Any]:
        """What the token says, its signature, audience and times checked by the SDK."""
        known = self._decoder
        decoder = known or self._new_decoder()
        try:
            claims = decoder.decode(id_token)
        except jwt.InvalidSignatureError:
            if known is None:
                raise
            # The provider may have changed its key since it was fetched.
            decoder = self._new_decoder()
            claims = decoder.decode(id_token)
        self._decoder = decoder
        self._configuration = decoder.get_openid_configuration()
        return claims

    def _new_decoder(self) -> IDTokenDecoder:
        return IDTokenDecoder(
            self._client(), jwt_options={"require": ["iss", "sub", "aud", "exp", "iat"]}
        )

    def _check(self, claims: Mapping[str, Any], nonce: str) -> None:
        """What the SDK leaves to us: who says so, to whom, and in answer to which login."""
        issuer = str((self._configuration or {}).get("issuer", "")).rstrip("/")
        expected = self._settings.globus_auth_url.rstrip("/")
        if str(claims["iss"]).rstrip("/") != expected or issuer != expected:
            raise _refused("it came from an unknown issuer")
        audience = claims["aud"]
        if audience not in (self._settings.globus_client_id, [self._settings.globus_client_id]):
            raise _refused("it was meant for another service")
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise _refused("it answers another login")
        if not str(claims["sub"]).strip():
            raise _refused("it names nobody")


def _refused(why: str) -> RefusedError:
    return RefusedError(
        "login-failed",
        f"The answer of the sign-in service was not accepted: {why}.",
        "Start the sign-in again from this site.",
    )


def _translated(error: GlobusError) -> OutageError | RefusedError:
    if isinstance(error, GlobusAPIError) and error.http_status < SERVER_ERRORS:
        return _refused("the code it sent is spent or too old")
    return OutageError("Globus Auth does not answer", retry_after=RETRY_AFTER)
