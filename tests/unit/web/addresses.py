"""Every address of the site, with one of everything of Ada's to fill it in."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from flask import Flask
from werkzeug.routing import Rule

from gas.domain.job import Job, ObjectKind
from tests.unit.web.site import Site, Visitor

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass
class Things:
    job: Job
    upload_id: str
    box_id: str
    handle: str


def things_of(site: Site, ada: Visitor) -> Things:
    """One of everything of Ada's that an address can name."""
    job = site.completed("ada")
    answer = ada.send("/annotate/uploads", {"file_name": "secret-upload.vcf", "size": 5})
    assert answer.json is not None
    site.mailbox.put("ada@example.org", "secret-subject", "secret-text")
    site.world.sessions.start("ada", {}, client="secret-browser")
    # Seen last is the one in use; the other may be ended without signing Ada out.
    handle = site.world.sessions.of_user("ada")[-1].handle
    return Things(job=job, upload_id=answer.json["upload_id"], box_id=f"{0:032x}", handle=handle)


def paths_of(rule: Rule, things: Things) -> Iterator[str]:
    """Every address of Ada's that the rule can stand for."""
    values = {
        "job_id": things.job.job_id,
        "upload_id": things.upload_id,
        "box_id": things.box_id,
        "handle": things.handle,
        "filename": "css/gas.css",
    }
    path = rule.rule
    for converter, name in re.findall(r"<(?:(\w+):)?(\w+)>", rule.rule):
        if name != "kind":
            placeholder = f"<{converter}:{name}>" if converter else f"<{name}>"
            path = path.replace(placeholder, values[name])
    if "<kind>" in path:
        yield from (path.replace("<kind>", kind) for kind in ObjectKind)
    else:
        yield path


def rules_of(app: Flask) -> list[Rule]:
    return sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule)
