"""Consent: nothing personal is taken in before its owner has agreed to the terms as they stand."""

from gas.domain.account import Account
from gas.domain.errors import ForbiddenError

TERMS_VERSION = "2026-11"
"""Changes with the text of the terms page; everybody is then asked again."""


def has_consented(account: Account) -> bool:
    """Whether the person agreed to the terms in force."""
    return account.terms_version == TERMS_VERSION


def check_consent(account: Account) -> None:
    """Raise ForbiddenError unless they have."""
    if not has_consented(account):
        raise ForbiddenError(
            "consent-needed",
            "You have not yet agreed to the terms for genetic data.",
            "Open the page for a new annotation, read the terms and agree to them.",
        )
