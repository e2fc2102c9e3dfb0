"""What provisioning did, step by step."""

from dataclasses import dataclass, field
from enum import StrEnum


class Did(StrEnum):
    """What a step did."""

    MADE = "made"
    CHANGED = "changed"
    FOUND = "found"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing, and what was done to it."""

    did: Did
    what: str
    name: str

    def __str__(self) -> str:
        return f"{self.did.value:<8}{self.what:<24}{self.name}"


@dataclass
class Report:
    """The steps so far, in order."""

    steps: list[Step] = field(default_factory=list)

    def made(self, what: str, name: str) -> None:
        """It was not there, and is now."""
        self.steps.append(Step(did=Did.MADE, what=what, name=name))

    def changed(self, what: str, name: str) -> None:
        """It was there and differed."""
        self.steps.append(Step(did=Did.CHANGED, what=what, name=name))

    def found(self, what: str, name: str) -> None:
        """It was there as it should be."""
        self.steps.append(Step(did=Did.FOUND, what=what, name=name))
