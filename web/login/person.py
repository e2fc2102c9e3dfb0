"""What an identity provider says of a person, made fit for a page and for a mail header."""

import re
import unicodedata

LONGEST_NAME = 200
LONGEST_EMAIL = 254
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
"""The form that HTML gives a valid e-mail address."""


def clean_name(raw: str) -> str:
    """One line without control or direction characters."""
    kept = "".join(
        char if unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} else " "
        for char in raw
    )
    return " ".join(kept.split())[:LONGEST_NAME]


def clean_email(raw: str) -> str:
    """The address, or nothing where it is not one that mail can safely be sent to."""
    text = raw.strip()
    return text if len(text) <= LONGEST_EMAIL and _EMAIL.fullmatch(text) else ""
