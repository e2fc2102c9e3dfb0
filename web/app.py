"""The application: one blueprint per feature, guarded, with its headers and its errors."""

from flask import Flask, request
from flask_bootstrap import Bootstrap5
from flask_wtf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

import web.annotate.routes
import web.annotations.routes
import web.health.routes
import web.home.routes
import web.login.routes
import web.mailbox.routes
import web.plan.routes
from gas.config import Settings
from gas.wiring import Outside
from web.context import Web, set_web
from web.errors import register_errors
from web.filters import register_filters
from web.guards import check_guards, enforce, viewer
from web.login.globus import Globus
from web.mailbox.port import Mailbox
from web.queue import QueueView
from web.requests import RequestIds, register_requests
from web.security import register_security

LARGEST_BODY = 64 * 1024
"""No page of ours takes more: files go to the object store."""

FEATURES = (
    web.home.routes.blueprint,
    web.login.routes.blueprint,
    web.annotate.routes.blueprint,
    web.annotations.routes.blueprint,
    web.plan.routes.blueprint,
    web.health.routes.blueprint,
)


def create_app(settings: Settings, outside: Outside, mailbox: Mailbox | None = None) -> Flask:
    """The web door over these ports; `mailbox` where mails are kept instead of sent."""
    app = Flask("web")
    https = settings.base_url.startswith("https://")
    app.config.update(
        SECRET_KEY=settings.secret_key,
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        MAX_FORM_MEMORY_SIZE=LARGEST_BODY,
        MAX_FORM_PARTS=50,
        SESSION_COOKIE_NAME="__Host-gas_form" if https else "gas_form",
        SESSION_COOKIE_SECURE=https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        BOOTSTRAP_SERVE_LOCAL=True,
        # The token lives as long as the session it is bound to, so a page left open still works.
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_CHECK_DEFAULT=False,
        # Its check of the Referer cannot hold where no page sends one; Sec-Fetch-Site is checked.
        WTF_CSRF_SSL_STRICT=False,
    )
    set_web(
        app,
        Web(
            settings=settings,
            outside=outside,
            mailbox=mailbox,
            queue=QueueView(outside.jobs, outside.clock),
            globus=Globus(settings, outside.clock),
        ),
    )
    Bootstrap5(app)
    register_filters(app)
    register_errors(app)
    register_requests(app)
    register_security(app, settings)
    csrf = CSRFProtect(app)
    app.before_request(lambda: enforce(app))
    app.before_request(lambda: _protect(csrf))
    for blueprint in FEATURES:
        app.register_blueprint(blueprint)
    if mailbox is not None:
        app.register_blueprint(web.mailbox.routes.blueprint)
    app.context_processor(
        lambda: {"viewer": viewer, "has_mailbox": mailbox is not None, "plan": settings.plan}
    )
    check_guards(app)
    # The id is given outside the proxy fix, so that a malformed request has one too.
    proxies = settings.trusted_proxies
    inner = app.wsgi_app
    if proxies:
        inner = ProxyFix(inner, x_for=proxies, x_proto=proxies)
    app.wsgi_app = RequestIds(inner)  # type: ignore[method-assign]  # Flask's own way to wrap it
    return app


def _protect(csrf: CSRFProtect) -> None:
    """Ask for the form's token.  What no route takes is answered with 404 or 405, not with this."""
    if request.endpoint is not None:
        csrf.protect()
