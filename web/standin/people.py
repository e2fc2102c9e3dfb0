"""The people the stand-in knows, and whoever else a tester says to be."""

import re
import uuid
from dataclasses import dataclass

_EMAIL = re.compile(r"[^\s@<>\"]+@[^\s@<>\"]+")
LONGEST = 200


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who can sign in at the stand-in."""

    name: str
    email: str

    @property
    def sub(self) -> str:
        """The identity: always the same for the same address."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{self.email.lower()}"))


DEMO_PEOPLE = (
    Person(name="Ada Demo", email="ada@example.org"),
    Person(name="Ben Demo", email="ben@example.org"),
)


def another(name: str, email: str) -> Person | None:
    """Somebody typed in; None where the address is not one."""
    address, said = email.strip(), " ".join(name.split())
    if len(address) > LONGEST or not _EMAIL.fullmatch(address):
        return None
    return Person(name=said[:LONGEST] or address, email=address)
