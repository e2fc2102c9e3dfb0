"""The object store's door as a WSGI application: signed uploads in, signed downloads out.

    POST /<bucket>         a signed form, as EmbeddedFiles.upload_form issues it
    GET  /<bucket>/<key>   a signed link, as EmbeddedFiles.link issues it (HEAD too)
    GET  /healthz          whether the process serves

It runs on an origin of its own, so that nothing it serves ever runs with the rights of a page.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from gas.adapters.embedded_forms import Forms
from gas.adapters.embedded_objects import ObjectStore
from web.store.answers import Answer, RefusalError, broken, refusal, text
from web.store.receive import receive
from web.store.send import send

log = logging.getLogger(__name__)

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

BLOCK = 256 * 1024

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
}


def create_store(*, store: ObjectStore, forms: Forms, base_url: str) -> Application:
    """The door to that store, for the pages at `base_url` alone."""
    site = urlsplit(base_url)
    origin = f"{site.scheme}://{site.netloc}"

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            answer = _answer(environ, store=store, forms=forms)
        except Exception as error:
            answer = refusal(error) or broken()
            if answer.status is HTTPStatus.INTERNAL_SERVER_ERROR:
                # Not left to gunicorn, whose own line would name the address, which is a secret.
                log.exception("a request to the store failed")
            else:
                log.info("a request was refused", extra={"status": answer.status.value})
        headers = {**ALWAYS, **_cors(environ, origin), **answer.headers}
        if answer.status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            headers["Content-Length"] = str(answer.length)
        start_response(f"{answer.status.value} {answer.status.phrase}", list(headers.items()))
        if isinstance(answer.body, bytes):
            return [answer.body] if answer.body else []
        if environ["REQUEST_METHOD"] == "HEAD":
            answer.body.close()
            return []
        wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](answer.body, BLOCK)
        return wrapped

    return application


def _answer(environ: Environ, *, store: ObjectStore, forms: Forms) -> Answer:
    method = environ["REQUEST_METHOD"]
    path = environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8", "replace")
    if path == "/healthz":
        return text("ok\n")
    bucket, slash, key = path.removeprefix("/").partition("/")
    if not store.has_bucket(bucket):
        raise RefusalError(HTTPStatus.NOT_FOUND, "NoSuchBucket", "There is no such bucket.")
    if method == "OPTIONS":
        return Answer(status=HTTPStatus.NO_CONTENT)
    if method == "POST" and not key:
        return receive(
            bucket,
            stream=environ["wsgi.input"],
            content_type=environ.get("CONTENT_TYPE", ""),
            content_length=environ.get("CONTENT_LENGTH", ""),
            store=store,
            forms=forms,
        )
    if method in ("GET", "HEAD") and slash and key:
        query = dict(parse_qsl(environ.get("QUERY_STRING", ""), max_num_fields=10))
        return send(
            bucket, key, query=query, headers=_conditions(environ), store=store, forms=forms
        )
    raise RefusalError(
        HTTPStatus.METHOD_NOT_ALLOWED,
        "MethodNotAllowed",
        "The store takes uploads by POST and gives downloads by GET.",
        {"Allow": "GET, HEAD, OPTIONS" if key else "POST, OPTIONS"},
    )


def _conditions(environ: Environ) -> Mapping[str, str]:
    names = ("Range", "If-Range", "If-None-Match")
    variables = {name: f"HTTP_{name.upper().replace('-', '_')}" for name in names}
    return {name: environ[variable] for name, variable in variables.items() if variable in environ}


def _cors(environ: Environ, origin: str) -> Mapping[str, str]:
    """What lets the service's own pages, and no others, use the store by script."""
    if environ.get("HTTP_ORIGIN") != origin:
        return {"Vary": "Origin"}
    return {
        "Vary": "Origin",
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "GET, HEAD, POST",
        "Access-Control-Allow-Headers": "Content-Type, Range, If-Range, If-None-Match",
        "Access-Control-Expose-Headers": (
            "Accept-Ranges, Content-Disposition, Content-Length, Content-Range, ETag"
        ),
        "Access-Control-Max-Age": "600",
    }
