"""The runtime's locked requirements, read from requirements.txt."""

import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(?:\s*;\s*([^\\]+?))?\s*\\?$")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, kw_only=True)
class Locked:
    """One requirement as it is locked; `marker` says on which machines it is wanted."""

    name: str
    version: str
    hashes: tuple[str, ...]
    marker: str = ""


def locked(path: Path = ROOT / "requirements.txt") -> list[Locked]:
    """Every requirement of that lock file, by name."""
    found: list[Locked] = []
    for block in re.split(r"\n(?=\S)", path.read_text()):
        pin = _PIN.match(block.split("\n", 1)[0].strip())
        if pin is None:
            continue
        hashes = tuple(_HASH.findall(block))
        found.append(
            Locked(name=pin[1], version=pin[2], hashes=hashes, marker=(pin[3] or "").strip())
        )
    return sorted(found, key=lambda each: each.name)


def licence_of(name: str) -> str:
    """The licence that the installed package declares; empty where it declares none."""
    said = metadata.metadata(name)
    expression = said.get("License-Expression") or ""
    if expression:
        return expression
    classifiers = [
        line.rpartition(" :: ")[2]
        for line in said.get_all("Classifier") or []
        if line.startswith("License ::") and line != "License :: OSI Approved"
    ]
    if classifiers:
        return "; ".join(classifiers)
    return " ".join((said.get("License") or "").split())[:80]


def home_of(name: str) -> str:
    """Where the installed package says its project lives."""
    said = metadata.metadata(name)
    addresses = dict(
        line.split(", ", 1) for line in said.get_all("Project-URL") or [] if ", " in line
    )
    for label in ("Source", "Source Code", "Repository", "Homepage", "Home", "homepage"):
        if label in addresses:
            return addresses[label]
    return said.get("Home-page") or next(iter(addresses.values()), "")
