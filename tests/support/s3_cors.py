"""S3's cross-origin rules: which headers its answer carries, or that it gives none."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CorsRule:
    """One rule of a bucket."""

    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    exposed: tuple[str, ...]
    seconds: str | None


def read_rules(document: bytes) -> Sequence[CorsRule]:
    """The rules in the answer to GetBucketCors."""
    root = ET.fromstring(document)  # noqa: S314 - the emulator's own answer
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]

    def texts(rule: ET.Element, name: str) -> tuple[str, ...]:
        return tuple(found.text or "" for found in rule.findall(name))

    return [
        CorsRule(
            origins=texts(rule, "AllowedOrigin"),
            methods=texts(rule, "AllowedMethod"),
            headers=texts(rule, "AllowedHeader"),
            exposed=texts(rule, "ExposeHeader"),
            seconds=rule.findtext("MaxAgeSeconds"),
        )
        for rule in root.iter("CORSRule")
    ]


def allow(rules: Sequence[CorsRule], origin: str, method: str, asked: str) -> dict[str, str] | None:
    """The headers by the first rule that allows the request; None where none does.

    `asked` is the preflight's Access-Control-Request-Headers.
    """
    wanted = [name.strip() for name in asked.split(",") if name.strip()]
    for rule in rules:
        if not _matches(rule.origins, origin) or method not in rule.methods:
            continue
        if not all(_matches(rule.headers, name) for name in wanted):
            continue
        headers = {
            "Access-Control-Allow-Origin": "*" if rule.origins == ("*",) else origin,
            "Access-Control-Allow-Methods": ", ".join(rule.methods),
            "Vary": "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
        }
        if rule.origins != ("*",):
            headers["Access-Control-Allow-Credentials"] = "true"
        if wanted:
            headers["Access-Control-Allow-Headers"] = ", ".join(wanted).lower()
        if rule.exposed:
            headers["Access-Control-Expose-Headers"] = ", ".join(rule.exposed)
        if rule.seconds is not None:
            headers["Access-Control-Max-Age"] = rule.seconds
        return headers
    return None


def _matches(patterns: Sequence[str], text: str) -> bool:
    """Whether a pattern, with at most one `*`, is the text; header names ignore case."""
    return any(
        re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), text, re.IGNORECASE)
        for pattern in patterns
    )
