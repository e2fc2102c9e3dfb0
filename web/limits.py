"""How often one person, and one address, may ask; and how much a Free person may store."""

import logging
from datetime import timedelta

from flask import request

from gas.domain.account import Account, Tier
from gas.domain.errors import ForbiddenError, TooManyError
from web.context import this_web
from web.filters import size_text, span_text

log = logging.getLogger(__name__)

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
SHARED = 4
"""A laboratory may sit behind one address: it may do this many times what one person may."""


def check_login() -> None:
    """Count a sign-in begun from this address; raises TooManyError."""
    _take("login", f"address:{_address()}", this_web().settings.logins_a_minute, MINUTE)


def check_upload(account: Account) -> None:
    """Count a form signed for this person; raises TooManyError."""
    _take_both("upload", account, this_web().settings.uploads_a_minute)


def check_submit(account: Account) -> None:
    """Count a job of this person, and look at what they store; TooManyError, ForbiddenError."""
    web = this_web()
    _take_both("submit", account, web.settings.submits_a_minute)
    if account.tier is not Tier.FREE:
        return
    stored, most = web.stored.of_user(account.user_id), web.settings.free_stored_bytes
    if stored >= most:
        raise ForbiddenError(
            "storage-full",
            f"Your annotations take up {size_text(stored)}; "
            f"the Free plan stores {size_text(most)}.",
            "Delete annotations you no longer need, or choose the Premium plan.",
        )


def check_plan_change(account: Account) -> None:
    """Count an upgrade or a downgrade of this person; raises TooManyError."""
    most = this_web().settings.plan_changes_a_day
    _take("plan", f"user:{account.user_id}", most, DAY)


def _take_both(what: str, account: Account, most: int) -> None:
    _take(what, f"user:{account.user_id}", most, MINUTE)
    _take(what, f"address:{_address()}", SHARED * most, MINUTE)


def _take(what: str, who: str, most: int, per: timedelta) -> None:
    wait = this_web().outside.limits.take(f"{what}:{who}", most=most, per=per)
    if wait is None:
        return
    log.warning("a caller asks too often", extra={"what": what, "who": who.partition(":")[0]})
    raise TooManyError(
        "too-many-requests",
        f"This was asked for more than {most} times in {span_text(per)}.",
        f"Wait {span_text(max(wait, timedelta(seconds=1)))}, then try again.",
        retry_after=wait,
    )


def _address() -> str:
    """The caller's address: behind load balancers the one that the outermost of them saw."""
    return request.remote_addr or ""
