"""Two people and an operator click and type at random: no 5xx, nobody sees another's data.

GAS_CLICK_SECONDS says how long (60); GAS_CLICK_SEED repeats a run (`make fuzz-web` runs longer).
"""

import os
import random
import threading
import time
from pathlib import Path

import pytest

from tests.support.clicker import Clicker
from tests.support.deployment import EXAMPLE, Deployment, deployment
from tests.unit.web.site import Site
from util.visitor import VisitError, Visitor
from web.standin.people import another

PEOPLE = ("Ada Example", "Bob Other", "Olga Operator")
WORDS = {"Ada Example": "adas-secret", "Bob Other": "bobs-secret", "Olga Operator": "olgas-secret"}
SECONDS = float(os.environ.get("GAS_CLICK_SECONDS", "60"))  # noqa: TID251 - the tests' own setting
SEED = int(os.environ.get("GAS_CLICK_SEED", str(random.randrange(10**6))))  # noqa: S311, TID251 - as above; no secret


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_random_clicks_meet_no_error_and_nobody_elses_data(tmp_path: Path) -> None:
    operator = another("Olga Operator", "olga@example.org")
    assert operator is not None
    changes = {"GAS_OPERATORS": operator.sub, "GAS_LOGINS_A_MINUTE": "10000"}
    print(f"GAS_CLICK_SEED={SEED}")
    with deployment("embedded", tmp_path, changes) as service:
        clickers = [_clicker(service, name) for name in PEOPLE]
        failures: list[BaseException] = []
        end = time.monotonic() + SECONDS

        def click(clicker: Clicker) -> None:
            try:
                while time.monotonic() < end and not failures:
                    clicker.step()
                    _stay(clicker.visitor)
            except BaseException as error:  # noqa: BLE001 - raised again below
                failures.append(error)

        threads = [threading.Thread(target=click, args=(each,)) for each in clickers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for clicker in clickers:
            print(clicker.visitor.name, dict(clicker.seen), len(clicker.known), "addresses")
        if failures:
            raise failures[0]
        log = (tmp_path / "log/web.log").read_text()
        assert "a request met a bug" not in log
        for clicker in clickers:
            assert clicker.seen["2xx"] > 20
            assert clicker.seen["4xx"] > 5
        assert "Operator" in clickers[2].visitor.get("/operator").text


def _clicker(service: Deployment, name: str) -> Clicker:
    """Somebody with a job whose name and note nobody else may ever read."""
    visitor = service.visitor(name)
    own = service.settings.home / f"{WORDS[name]}.vcf"
    own.write_bytes(EXAMPLE.read_bytes())
    job_id = visitor.submit(own, note=f"note-of-{WORDS[name]}")
    assert visitor.wait(job_id) == "COMPLETED"
    words = frozenset(word for other, word in WORDS.items() if other != name)
    routes = sorted({rule.rule for rule in Site().app.url_map.iter_rules()})
    rng = random.Random(f"{SEED}{name}")  # noqa: S311 - repeatable, no secret
    return Clicker(visitor=visitor, rng=rng, routes=routes, foreign=lambda: words)


def _stay(visitor: Visitor) -> None:
    """Whoever clicked on Sign out signs in again; whoever erased the account waits for that."""
    answer = visitor.http.get(f"{visitor.url}/annotations", timeout=60)
    if "/login" not in answer.url:
        return
    visitor.http.cookies.clear()
    try:
        visitor.sign_in()
    except VisitError:
        time.sleep(1)
