"""A person who clicks on everything and types anything, over the real HTTP surface.

Every page is read as a browser reads it: its links are followed, its forms are filled in with
ordinary and hostile texts and sent.  What is never right, whatever was clicked: a 5xx, a page
that holds another person's words, a traceback.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit
from uuid import uuid4

import requests

from util.visitor import Visitor

SECONDS = 60
SERVER_ERRORS = 500
UNAVAILABLE = 503
TEXTS = (
    "", "a", "sample.vcf", "' OR 1=1 --", "<script>alert(1)</script>", "{{7*7}}", "\x00", "\u202e",
    "../../etc/passwd", "a\r\nX-Evil: 1", "=cmd|' /C calc'!A0", "9" * 400, "-1", "NaN",
    "\U0001f9ec", "detect", "GRCh38", "yes", "%00", "a" * 5000, "null", "[]", "true",
)  # fmt: skip
VERBS = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH")
NEVER = ("/logout", "/account/erase", "/account/sessions/")
"""What would end the visit; each has a test of its own.  Now and then it is clicked."""


@dataclass
class Page:
    """What a page offers."""

    links: list[str] = field(default_factory=list)
    forms: list["Form"] = field(default_factory=list)


@dataclass
class Form:
    """One form: where it goes, how, and its fields as they stand."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self._form: Form | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "a" and said.get("href"):
            self.page.links.append(said["href"])
        elif tag == "form":
            self._form = Form(action=said.get("action", ""), method=said.get("method", "get"))
            self.page.forms.append(self._form)
        elif self._form is not None and said.get("name"):
            self._form.fields[said["name"]] = said.get("value", "")
            self._select = said["name"] if tag == "select" else ""
        elif tag == "option" and self._form is not None and self._select:
            self._form.choices.setdefault(self._select, []).append(said.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None


def read(text: str) -> Page:
    """The links and the forms of a page."""
    reader = _Reader()
    reader.feed(text)
    return reader.page


@dataclass
class Clicker:
    """One person; `foreign` are words that only other people's pages may hold."""

    visitor: Visitor
    rng: random.Random
    routes: Sequence[str]
    foreign: Callable[[], frozenset[str]]
    seen: Counter[str] = field(default_factory=Counter)
    known: list[str] = field(default_factory=lambda: ["/"])
    trail: list[str] = field(default_factory=list)

    def step(self) -> None:
        """Do one thing, and look at what came of it."""
        act = self.rng.choices(
            (self._follow, self._fill, self._guess, self._upload), (45, 30, 15, 10)
        )[0]
        answer = act()
        if answer is not None:
            self._look_at(answer)

    def _follow(self) -> requests.Response:
        return self._open("GET", self.rng.choice(self.known))

    def _fill(self) -> requests.Response | None:
        answer = self._open("GET", self.rng.choice(self.known))
        self._look_at(answer)
        forms = [form for form in read(answer.text).forms if self._is_ours(answer, form.action)]
        if not forms:
            return None
        form = self.rng.choice(forms)
        path = urlsplit(urljoin(answer.url, form.action)).path
        if path.startswith(NEVER) and self.rng.random() > 0.02:
            return None
        fields = {name: self._text(form, name) for name in form.fields}
        return self._open(form.method.upper(), path, data=fields)

    def _text(self, form: Form, name: str) -> str:
        """Mostly what the form offers; sometimes anything; the token mostly as it is."""
        change = 0.03 if name == "csrf_token" else 0.5
        if self.rng.random() > change:
            choices = form.choices.get(name)
            return self.rng.choice(choices) if choices else form.fields[name]
        return self.rng.choice(TEXTS)

    def _guess(self) -> requests.Response:
        """An address of the site with anything in its places, by any verb."""
        path = re.sub(r"<[^>]+>", lambda _: self._place(), self.rng.choice(self.routes))
        query = f"?page={self.rng.choice(TEXTS)[:50]}" if self.rng.random() < 0.3 else ""
        return self._open(self.rng.choice(VERBS), path + query)

    def _place(self) -> str:
        ids = re.findall(r"[0-9a-f-]{36}", " ".join([*self.known, *self.foreign()]))
        return self.rng.choice([*ids, str(uuid4()), "tsv", "log", "x", "0" * 64, "%2e%2e", "annot"])

    def _upload(self) -> requests.Response:
        size = self.rng.choice([0, 1, 100, 153_600, 153_601, None])
        name = self.rng.choice(TEXTS) or "a.vcf"
        body: dict[str, object] = {"file_name": name, "size": size}
        if self.rng.random() < 0.2:
            body = {
                self.rng.choice(["file_name", "size", "x"]): self.rng.choice([[], {}, None, 1.5])
            }
        path = self.rng.choice(["/annotate/uploads", "/annotate/jobs", "/annotate/example"])
        return self._open("POST", path, json=body, headers=self.visitor.page_headers())

    def _open(self, method: str, path: str, **more: object) -> requests.Response:
        self.trail.append(f"{method} {path[:200]}")
        del self.trail[:-20]
        return self.visitor.http.request(
            method,
            urljoin(self.visitor.url, path),
            timeout=SECONDS,
            **more,  # type: ignore[arg-type]  # requests' own types are stricter than its words
        )

    def _look_at(self, answer: requests.Response) -> None:
        self.seen[f"{answer.status_code // 100}xx"] += 1
        trail = "\n".join(self.trail)
        assert answer.status_code < SERVER_ERRORS, f"{answer.status_code}\n{trail}"
        assert "Traceback" not in answer.text, trail
        if self._is_ours(answer, ""):
            for word in self.foreign():
                # An address that was asked for may be repeated; another person's words may not.
                asked = answer.request.url or ""
                assert word not in answer.text or word in asked, f"{word}\n{trail}"
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            for link in read(answer.text).links:
                path = urlsplit(urljoin(answer.url, link))
                address = path.path + (f"?{path.query}" if path.query else "")
                if self._is_ours(answer, link) and address not in self.known:
                    self.known.append(address)
            del self.known[1 : max(1, len(self.known) - 300)]

    def _is_ours(self, answer: requests.Response, link: str) -> bool:
        return urljoin(answer.url, link).startswith(self.visitor.url + "/")
