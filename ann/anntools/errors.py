"""What can go wrong, said so that the person at fault can mend it."""


class AnnToolsError(Exception):
    """Anything this package raises on purpose."""


class InputError(AnnToolsError):
    """A file that cannot be understood: stable code, line (1-based, or None), message, hint."""

    def __init__(self, code: str, message: str, *, line: int | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.line = line
        self.hint = hint

    def __str__(self) -> str:
        where = f" (line {self.line})" if self.line is not None else ""
        return f"{self.code}: {self.message}{where}." + (f" {self.hint}" if self.hint else "")


class ReferenceUnusableError(AnnToolsError):
    """The compiled reference is missing, damaged or of another format."""


class KernelUnavailableError(AnnToolsError):
    """The compiled part cannot be built or loaded here."""
