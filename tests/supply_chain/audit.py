"""Ask whether a locked requirement has a known vulnerability: `make audit`.

    python -m tests.supply_chain.audit path/to/pip-audit

pip-audit exits 0 where it could not look a package up.  Here that is a failure, and where nothing
could be looked up at all the answer is `not audited`: never `clean`.
Exit codes: 0 clean, 1 vulnerable or incomplete, 2 not audited.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.supply_chain.lock import ROOT, locked

SECONDS = 600
CLEAN, FAILED, NOT_AUDITED = 0, 1, 2


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What came of it, in lines for a person."""

    code: int
    lines: tuple[str, ...]


def judge(report: Mapping[str, Any] | None, wanted: Sequence[str]) -> Verdict:
    """What pip-audit's report says of the packages that had to be looked up."""
    rows = {row["name"].lower(): row for row in (report or {}).get("dependencies", [])}
    looked_up = {name for name, row in rows.items() if "skip_reason" not in row}
    if not looked_up:
        return Verdict(code=NOT_AUDITED, lines=("not audited: no package could be looked up",))
    lines = [
        f"{name} {row.get('version')}: {found['id']}"
        f" (fixed in {', '.join(found.get('fix_versions') or ['no release yet'])})"
        for name, row in sorted(rows.items())
        for found in row.get("vulns", [])
    ]
    lines += [
        f"{name}: could not be looked up ({rows.get(name, {}).get('skip_reason', 'not reported')})"
        for name in sorted({each.lower() for each in wanted} - looked_up)
    ]
    if lines:
        return Verdict(code=FAILED, lines=tuple(lines))
    return Verdict(code=CLEAN, lines=(f"clean: {len(looked_up)} packages looked up",))


def main() -> None:
    """Run pip-audit on the lock file, and judge its report."""
    command = [
        *(sys.argv[1], "--requirement", str(ROOT / "requirements.txt"), "--require-hashes"),
        *("--disable-pip", "--format", "json", "--progress-spinner", "off"),
    ]
    report = None
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        report = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        print("pip-audit did not end", file=sys.stderr)
    except json.JSONDecodeError:
        print("\n".join(done.stderr.splitlines()[-3:]), file=sys.stderr)
    wanted = [each.name for each in locked() if not each.marker]
    verdict = judge(report, wanted)
    print("\n".join(verdict.lines))
    sys.exit(verdict.code)


if __name__ == "__main__":
    main()
