"""A stand-in for Globus Auth, for one machine: the endpoints the real globus-sdk speaks to.

It lets anybody be anybody.  It is served only where every configured endpoint is on loopback.
Tokens and codes live in memory; a restart forgets them, and makes a new signing key.
"""

import hmac
import json
from urllib.parse import urlencode, urlsplit

import jwt
from flask import Flask, abort, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_bootstrap import Bootstrap5
from werkzeug.wrappers import Response

from gas.config import Settings
from gas.domain.errors import ConfigurationError
from gas.ports import Clock
from web.standin.grants import ALGORITHM, KEY_ID, TOKEN_TIME, StandIn
from web.standin.people import DEMO_PEOPLE, Person, another


def check_local(settings: Settings) -> None:
    """Raise ConfigurationError unless every configured endpoint is on loopback."""
    if not settings.is_local:
        raise ConfigurationError(
            "the stand-in for Globus Auth lets anybody be anybody: it serves only where every "
            "configured address is on loopback"
        )


def create_standin(settings: Settings, clock: Clock) -> Flask:
    """The stand-in as an application; raises ConfigurationError unless all is on loopback."""
    check_local(settings)
    app = Flask("web", template_folder="templates", static_folder="static")
    app.config["BOOTSTRAP_SERVE_LOCAL"] = True
    app.config["MAX_CONTENT_LENGTH"] = 65536
    Bootstrap5(app)
    standin = StandIn(settings, clock)
    app.extensions["standin"] = standin
    _serve_discovery(app, standin)
    _serve_sign_in(app, standin)
    _serve_tokens(app, standin)
    _add_headers(app, standin)
    return app


def _serve_discovery(app: Flask, standin: StandIn) -> None:
    @app.get("/.well-known/openid-configuration")
    def configuration() -> ResponseReturnValue:
        base = standin.issuer
        return {
            "issuer": base,
            "authorization_endpoint": f"{base}/v2/oauth2/authorize",
            "token_endpoint": f"{base}/v2/oauth2/token",
            "userinfo_endpoint": f"{base}/v2/oauth2/userinfo",
            "revocation_endpoint": f"{base}/v2/oauth2/token/revoke",
            "introspection_endpoint": f"{base}/v2/oauth2/token/introspect",
            "jwks_uri": f"{base}/jwk.json",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "scopes_supported": ["openid", "email", "profile"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "code_challenge_methods_supported": ["S256"],
        }

    @app.get("/jwk.json")
    def keys() -> ResponseReturnValue:
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(standin.key.public_key()))
        return {"keys": [{**public, "alg": ALGORITHM, "use": "sig", "kid": KEY_ID}]}


def _serve_sign_in(app: Flask, standin: StandIn) -> None:
    @app.route("/v2/oauth2/authorize", methods=["GET", "POST"])
    def authorize() -> ResponseReturnValue:
        asked = request.args
        if (
            asked.get("client_id") != standin.settings.globus_client_id
            or asked.get("redirect_uri") != standin.redirect_uri
            or asked.get("response_type") != "code"
            or asked.get("code_challenge_method") != "S256"
            or not asked.get("code_challenge")
        ):
            abort(400)
        problem = ""
        if request.method == "POST":
            form = request.form
            person = another(form.get("name", ""), form.get("email", ""))
            if person is not None:
                code = standin.give_code(
                    person,
                    scope=asked.get("scope", ""),
                    nonce=asked.get("nonce", ""),
                    challenge=asked["code_challenge"],
                )
                return _back(standin, {"code": code, "state": asked.get("state", "")})
            if "deny" in form:
                return _back(standin, {"error": "access_denied", "state": asked.get("state", "")})
            problem = "Type an e-mail address such as eve@example.org."
        return render_template("standin/authorize.html", people=DEMO_PEOPLE, problem=problem)

    @app.get("/v2/web/logout")
    def logout() -> ResponseReturnValue:
        return render_template("standin/signed_out.html", home=standin.settings.base_url)


def _serve_tokens(app: Flask, standin: StandIn) -> None:
    @app.post("/v2/oauth2/token")
    def token() -> ResponseReturnValue:
        _check_client(standin)
        form = request.form
        if form.get("grant_type") != "authorization_code":
            return jsonify(error="unsupported_grant_type"), 400
        grant = standin.take_code(form.get("code", ""), form.get("code_verifier", ""))
        if grant is None or form.get("redirect_uri") != standin.redirect_uri:
            return jsonify(error="invalid_grant"), 400
        return {
            "access_token": standin.give_token(grant),
            "token_type": "Bearer",
            "expires_in": int(TOKEN_TIME.total_seconds()),
            "scope": grant.scope,
            "resource_server": "auth.globus.org",
            "other_tokens": [],
            "id_token": standin.id_token(grant),
        }

    @app.get("/v2/oauth2/userinfo")
    def userinfo() -> ResponseReturnValue:
        bearer = request.authorization.token if request.authorization else None
        grant = standin.tokens.get(bearer or "")
        if grant is None:
            abort(401)
        return _said_of(grant.person)

    @app.post("/v2/oauth2/token/introspect")
    def introspect() -> ResponseReturnValue:
        _check_client(standin)
        grant = standin.tokens.get(request.form.get("token", ""))
        if grant is None:
            return {"active": False}
        return {"active": True, "scope": grant.scope, **_said_of(grant.person)}

    @app.post("/v2/oauth2/token/revoke")
    def revoke() -> ResponseReturnValue:
        _check_client(standin)
        standin.tokens.pop(request.form.get("token", ""), None)
        return {"active": False}


def _add_headers(app: Flask, standin: StandIn) -> None:
    @app.after_request
    def add_headers(response: Response) -> Response:
        base = urlsplit(standin.settings.base_url)
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'self'; img-src data:; frame-ancestors 'none'; "
            f"base-uri 'none'; form-action 'self' {base.scheme}://{base.netloc}"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def _back(standin: StandIn, answer: dict[str, str]) -> Response:
    return redirect(f"{standin.redirect_uri}?{urlencode(answer)}")


def _check_client(standin: StandIn) -> None:
    given = request.authorization
    known = standin.settings
    if (
        given is None
        or given.username != known.globus_client_id
        or not hmac.compare_digest(
            (given.password or "").encode(), known.globus_client_secret.encode()
        )
    ):
        abort(401)


def _said_of(person: Person) -> dict[str, str]:
    return {
        "sub": person.sub,
        "name": person.name,
        "email": person.email,
        "preferred_username": person.email,
        "username": person.email,
    }
