"""Whether a caller wants a page or JSON."""

from flask import request

JSON = "application/json"
PROBLEM = "application/problem+json"


def wants_json() -> bool:
    """Whether the request came from a script rather than from a person's address bar."""
    if request.is_json:
        return True
    best = request.accept_mimetypes.best_match(["text/html", JSON, PROBLEM])
    return best in {JSON, PROBLEM}
