"""A person at the HTTP door, without a browser: the same requests, in the same order.

Used by the demo, the journeys, the benchmarks and the chaos runs.  Every request has a deadline.
"""

import html
import json
import re
import time
from pathlib import Path
from typing import IO
from urllib.parse import urljoin

import requests

SECONDS = 60
"""How long one request may take."""

FINAL = frozenset({"COMPLETED", "FAILED", "CANCELLED"})

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class VisitError(Exception):
    """The service did not do what a visitor expects; the message quotes its answer."""


class Visitor:
    """One person with one cookie jar."""

    def __init__(self, url: str, *, name: str = "Ada Example", email: str = "") -> None:
        self.url = url
        self.name = name
        self.email = email or f"{name.split(maxsplit=1)[0].lower()}@example.org"
        self.http = requests.Session()
        self.http.trust_env = False
        self._token: str | None = None

    def sign_in(self) -> None:
        """Sign in through the stand-in for Globus Auth."""
        self._token = None
        choice = self.get("/login/start?next=/annotate")
        done = self.http.post(
            choice.url, data={"name": self.name, "email": self.email}, timeout=SECONDS
        )
        if done.status_code != requests.codes.ok or not done.url.startswith(self.url):
            raise VisitError(f"signing in ended at {done.url.split('?')[0]}: {_gist(done)}")

    def get(self, path: str) -> requests.Response:
        """A page; raises VisitError unless it answers 200."""
        return _checked(self.http.get(urljoin(self.url, path), timeout=SECONDS))

    def permit(self, file_name: str, size: int | None = None) -> requests.Response:
        """Ask for an upload form, as the page's script does."""
        body = {"file_name": file_name, "size": size}
        return self.http.post(
            f"{self.url}/annotate/uploads", json=body, headers=self._headers(), timeout=SECONDS
        )

    def upload(self, permission: requests.Response, body: bytes | IO[bytes]) -> requests.Response:
        """POST the file straight to the object store, streaming."""
        form = permission.json()
        fields = [(name, (None, value)) for name, value in form["fields"].items()]
        return self.http.post(form["url"], files=[*fields, ("file", ("f", body))], timeout=SECONDS)

    def hand_in(self, upload_id: str, *, assembly: str = "detect", note: str = "") -> str:
        """Submit an upload that has arrived; the id of its job."""
        body = {"upload_id": upload_id, "assembly": assembly, "note": note}
        answer = self.http.post(
            f"{self.url}/annotate/jobs", json=body, headers=self._headers(), timeout=SECONDS
        )
        return str(_checked(answer).json()["job_id"])

    def submit(self, path: Path, *, assembly: str = "detect", note: str = "") -> str:
        """Upload a file and submit it; the id of its job."""
        permission = _checked(self.permit(path.name, path.stat().st_size))
        with path.open("rb") as body:
            _checked(self.upload(permission, body))
        return self.hand_in(permission.json()["upload_id"], assembly=assembly, note=note)

    def status(self, job_id: str) -> str:
        """The job's status as the details page shows it."""
        return str(self.get(f"/annotations/{job_id}/live").json()["status"])

    def wait(self, job_id: str, *, seconds: float = 120, pause: float = 0.05) -> str:
        """Watch the details page until the job has ended; its status then."""
        end = time.monotonic() + seconds
        while (status := self.status(job_id)) not in FINAL:
            if time.monotonic() > end:
                raise VisitError(f"job {job_id} is still {status} after {seconds:g} s")
            time.sleep(pause)
        return status

    def fetch(self, job_id: str, kind: str) -> bytes:
        """One result file, through its link."""
        return self.get(f"/annotations/{job_id}/files/{kind}").content

    def log(self, job_id: str) -> str:
        """The job's log, as the log page shows it."""
        page = self.get(f"/annotations/{job_id}/log").text
        found = re.search(r"<pre[^>]*>(.*?)</pre>", page, flags=re.DOTALL)
        if found is None:
            raise VisitError("the log page shows no log")
        return html.unescape(found[1])

    def delete(self, job_id: str) -> None:
        """Press the button that deletes the job with everything of it."""
        token = self._headers()["X-CSRFToken"]
        address = f"{self.url}/annotations/{job_id}/delete"
        _checked(self.http.post(address, data={"csrf_token": token}, timeout=SECONDS))

    def change_plan(self, to: str) -> None:
        """Press the button of the plan page: `upgrade` or `downgrade`."""
        token = self._headers()["X-CSRFToken"]
        _checked(
            self.http.post(f"{self.url}/plan/{to}", data={"csrf_token": token}, timeout=SECONDS)
        )

    def _headers(self) -> dict[str, str]:
        """What a page that was opened once sends with every request of its script."""
        if self._token is None:
            found = _TOKEN.search(self.get("/annotate").text)
            if found is None:
                raise VisitError("the page has no form token: is this person signed in?")
            self._token = html.unescape(found[1])
        return {"X-CSRFToken": self._token, "Accept": "application/json"}


def _checked(answer: requests.Response) -> requests.Response:
    if not answer.ok:
        raise VisitError(
            f"{answer.url.split('?')[0]} answered {answer.status_code}: {_gist(answer)}"
        )
    return answer


def _gist(answer: requests.Response) -> str:
    try:
        return json.dumps(answer.json())[:500]
    except ValueError:
        return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())[:500]
