"""Write docs/licences.md anew: `python -m tests.supply_chain.licences`."""

from pathlib import Path

from tests.supply_chain.lock import ROOT, home_of, licence_of, locked

PAGE = ROOT / "docs/licences.md"
HEAD = """# Licences of what the service runs on

Made by `make licences` from what the installed packages declare; a test holds it to
requirements.txt. None of it is copied into this repository: each is installed from its own release,
checked by hash.

| package | version | licence | home |
|---|---|---|---|
"""


def page() -> str:
    """The whole page."""
    rows = [
        f"| {each.name} | {each.version} | {licence_of(each.name) or 'not declared'} "
        f"| {home_of(each.name)} |"
        for each in locked()
    ]
    return HEAD + "\n".join(rows) + "\n"


def main(path: Path = PAGE) -> None:
    """Write it."""
    path.write_text(page())


if __name__ == "__main__":
    main()
