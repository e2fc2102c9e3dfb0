"""Where a login may lead: a path on this site, and nothing else."""

import re
from urllib.parse import unquote, urlsplit

HOME = "/"
LONGEST = 1000
_PATH = re.compile(r"/[A-Za-z0-9/_.~?&=%+,:@-]*")


def safe_target(asked: str | None) -> str:
    """The path asked for, or the home page where it could lead anywhere else."""
    if not asked or len(asked) > LONGEST or not _PATH.fullmatch(asked):
        return HOME
    for text in (asked, unquote(asked), unquote(unquote(asked))):
        parts = urlsplit(text)
        if (
            text.startswith("//")
            or "\\" in text
            or parts.scheme
            or parts.netloc
            or any(ord(char) < ord(" ") for char in text)
        ):
            return HOME
    first = asked.split("?")[0].split("/")[1]
    return HOME if first in {"login", "logout"} else asked
