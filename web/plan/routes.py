"""The pages of the profile and of the plan: what a person has, and how to change it."""

import logging

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from gas.domain.account import Tier
from gas.domain.errors import TemporaryError
from gas.domain.news import plan_changed
from web.context import this_web
from web.guards import signed_in, the_account

log = logging.getLogger(__name__)

blueprint = Blueprint("plan", __name__)


@blueprint.get("/profile")
@signed_in
def profile() -> ResponseReturnValue:
    """Who is signed in, as the identity provider says, and on which plan."""
    return render_template("plan/profile.html", account=the_account())


@blueprint.get("/plan")
@signed_in
def show() -> ResponseReturnValue:
    """Both plans, the person's own marked, and the way to the other."""
    return render_template(
        "plan/plan.html",
        account=the_account(),
        is_simulated=this_web().outside.payments.is_simulated,
    )


@blueprint.post("/plan/upgrade")
@signed_in
def upgrade() -> ResponseReturnValue:
    """Become Premium; a provider that asks for payment is visited first."""
    web, account = this_web(), the_account()
    if account.tier is not Tier.PREMIUM:
        back = f"{web.settings.base_url}{url_for('plan.show')}"
        elsewhere = web.outside.payments.subscribe(account, back)
        if elsewhere is not None:
            return redirect(elsewhere, 303)
    _change(Tier.PREMIUM)
    flash("You are on the Premium plan now. Archived results are on their way back.")
    return redirect(url_for("plan.show"), 303)


@blueprint.post("/plan/downgrade")
@signed_in
def downgrade() -> ResponseReturnValue:
    """Become Free again; the window of every result begins anew."""
    web, account = this_web(), the_account()
    if account.tier is not Tier.FREE:
        web.outside.payments.cancel(account)
    _change(Tier.FREE)
    flash("You are on the Free plan now. The download window of every result begins anew.")
    return redirect(url_for("plan.show"), 303)


def _change(tier: Tier) -> None:
    """Write the tier, then tell of it; the sweep tells of a change that nobody told of."""
    web, before = this_web(), the_account()
    account = web.outside.accounts.set_tier(before.user_id, tier)
    if account.plan_changed_at is None or before.tier is tier:
        return
    log.info("a plan was changed", extra={"user_id": account.user_id, "tier": tier.value})
    try:
        web.outside.topics.publish(plan_changed(account))
    except TemporaryError:
        log.warning("a change of plan was not announced yet", exc_info=True)
