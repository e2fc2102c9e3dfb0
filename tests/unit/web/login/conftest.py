"""The real globus-sdk against the stand-in, which listens on a thread of its own."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from gas.adapters.clock import SystemClock
from tests.unit.web.site import Site, Visitor, settings
from web.standin.app import create_standin


@dataclass
class Standin:
    """The stand-in's client, and the site that signs in at it."""

    url: str
    client: FlaskClient
    site: Site

    def choose(self, address: str, **who: str) -> str:
        """Choose a person on the stand-in's page; the address it sends the browser back to."""
        parts = urlsplit(address)
        form = who or {"name": "Ada Demo", "email": "ada@example.org"}
        answer = self.client.post(f"{parts.path}?{parts.query}", data=form, base_url=self.url)
        assert answer.status_code == 302, answer.get_data(as_text=True)
        return answer.location

    def sign_in(self, visitor: Visitor, target: str = "/annotations", **who: str) -> str:
        """The whole way; where the visitor lands."""
        start = visitor.get("/login/start", query_string={"next": target})
        back = urlsplit(self.choose(start.location, **who))
        landed = visitor.get(f"{back.path}?{back.query}")
        assert landed.status_code == 302, landed.get_data(as_text=True)
        return landed.location


class LooseClock(SystemClock):
    """The machine's clock, which a test may move."""

    def __init__(self) -> None:
        self.offset = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.offset


@pytest.fixture(scope="module")
def _listening() -> Iterator[tuple[str, FlaskClient, LooseClock]]:
    with_port = make_server("127.0.0.1", 0, lambda _environ, _start: [], threaded=True)
    url = f"http://127.0.0.1:{with_port.server_port}"
    clock = LooseClock()
    app = create_standin(settings(GAS_GLOBUS_AUTH_URL=url), clock)
    with_port.app = app
    thread = threading.Thread(target=with_port.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield url, app.test_client(), clock
    with_port.shutdown()
    thread.join()
    with_port.server_close()


@pytest.fixture
def standin_clock(_listening: tuple[str, FlaskClient, LooseClock]) -> Iterator[LooseClock]:
    yield _listening[2]
    _listening[2].offset = timedelta(0)


@pytest.fixture
def standin(_listening: tuple[str, FlaskClient, LooseClock]) -> Standin:
    url, client, _ = _listening
    return Standin(url=url, client=client, site=Site(settings=settings(GAS_GLOBUS_AUTH_URL=url)))


def query_of(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
