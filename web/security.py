"""What every answer carries, and which requests are not listened to at all."""

from urllib.parse import urlsplit

from flask import Flask, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, Forbidden
from werkzeug.wrappers import Response

from gas.config import LOOPBACK_HOSTS, Backend, Settings
from web.guards import SAFE_METHODS, STATIC_ENDPOINTS

TRUSTED_SITES = frozenset({"same-origin", "none"})
HOSTLESS_ENDPOINTS = frozenset({"health.healthz"})
"""A load balancer asks for its health check by the instance's own address."""


def store_origins(settings: Settings) -> tuple[str, ...]:
    """Where a browser uploads to: the origins that the content policy must let it reach."""
    if settings.backend is Backend.EMBEDDED:
        return (_origin(settings.store_url),)
    endpoint = settings.s3_public_endpoint or settings.aws_endpoint
    if endpoint:
        return (_origin(endpoint),)
    bucket = settings.inputs_bucket
    return (
        f"https://{bucket}.s3.amazonaws.com",
        f"https://{bucket}.s3.{settings.aws_region}.amazonaws.com",
    )


def content_policy(settings: Settings) -> str:
    """The Content-Security-Policy: our own files, no inline script or style, our own store."""
    store = " ".join(store_origins(settings))
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            f"connect-src 'self' {store}",
            f"form-action 'self' {store}",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


def register_security(app: Flask, settings: Settings) -> None:
    """Check the request's host and site first, and put the headers on every answer."""
    policy = content_policy(settings)
    https = settings.base_url.startswith("https://")
    base = urlsplit(settings.base_url)

    @app.before_request
    def check_origin() -> ResponseReturnValue | None:
        if request.endpoint in HOSTLESS_ENDPOINTS:
            return None
        if request.host.lower() != base.netloc.lower():
            return _other_host(settings)
        site = request.headers.get("Sec-Fetch-Site")
        origin = request.headers.get("Origin", "null")
        # With `no-referrer` a browser says `Origin: null` of our own forms: the token decides then.
        foreign = (site is not None and site not in TRUSTED_SITES) or (
            origin not in {"null", f"{base.scheme}://{base.netloc}"}
        )
        if request.method not in SAFE_METHODS and foreign:
            raise Forbidden("cross-site")
        return None

    @app.after_request
    def add_headers(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", policy)
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "no-referrer"
        headers["X-Frame-Options"] = "DENY"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
        if request.endpoint not in STATIC_ENDPOINTS:
            headers["Cache-Control"] = "no-store"
        if https:
            headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
        return response


def _other_host(settings: Settings) -> ResponseReturnValue:
    """On one machine `localhost` and `127.0.0.1` mean the same; any other host is refused."""
    base = urlsplit(settings.base_url)
    asked = urlsplit(f"//{request.host}")
    alias = asked.hostname in LOOPBACK_HOSTS and asked.port == base.port
    if alias and settings.is_local and request.method in SAFE_METHODS:
        return redirect(settings.base_url + request.full_path.rstrip("?"), 302)
    raise BadRequest("unknown host")


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
