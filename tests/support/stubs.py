"""Programs that only write down how they were called, for tests of shell scripts."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path


class Stubs:
    """A folder of programs put first on PATH; `calls` is what was said to them, in order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._log = folder / "calls.log"
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, name: str, script: str = "") -> None:
        """A program that writes its call down, then runs these lines of bash."""
        path = self.folder / name
        path.write_text(f'#!/bin/bash\necho "{name} $*" >>"{self._log}"\n{script}\n')
        path.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []

    def said(self, beginning: str) -> list[str]:
        """The calls that begin so."""
        return [call for call in self.calls if call.startswith(beginning)]

    def run(
        self, *command: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a script that finds these programs first."""
        environment = {
            "PATH": f"{self.folder}:{os.environ['PATH']}",  # noqa: TID251 - the rest of PATH
            "HOME": str(self.folder),
            **(env or {}),
        }
        return subprocess.run(
            [str(part) for part in command],
            env=environment,
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
