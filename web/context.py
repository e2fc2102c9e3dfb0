"""What a request can reach: the settings, the ports, and what is derived from them."""

from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app

from gas.config import Settings
from gas.wiring import Outside
from web.login.globus import Globus
from web.mailbox.port import Mailbox
from web.queue import QueueView
from web.stored import StoredView

KEY = "gas"


@dataclass(frozen=True, kw_only=True)
class Web:
    """One application's own things."""

    settings: Settings
    outside: Outside
    mailbox: Mailbox | None
    queue: QueueView
    stored: StoredView
    globus: Globus


def set_web(app: Flask, web: Web) -> None:
    """Give the application its things."""
    app.extensions[KEY] = web


def this_web() -> Web:
    """The things of the application that answers this request."""
    return cast(Web, current_app.extensions[KEY])
