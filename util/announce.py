"""Says once, on the screen, where the service is, as soon as it answers.

Run by the one-machine supervisor; ends by itself.
"""

import sys
import time
from urllib.error import URLError
from urllib.request import urlopen

from gas.config import Backend, Settings

TRIES = 600
PAUSE_SECONDS = 0.1


def wait_until_ready(address: str) -> bool:
    """Ask `/readyz` until it answers 200; whether it did within about two minutes."""
    for _ in range(TRIES):
        try:
            with urlopen(f"{address}/readyz", timeout=5) as answer:  # noqa: S310 - our own http address
                if answer.status == 200:  # noqa: PLR2004 - HTTP's own OK
                    return True
        except (URLError, OSError):
            time.sleep(PAUSE_SECONDS)
    return False


def main() -> None:
    """Wait, then print the address and what to try first."""
    settings = Settings.from_env()
    if not wait_until_ready(settings.base_url):
        sys.exit("GAS does not answer; its logs say why.")
    lines = [f"GAS serves at {settings.base_url}   (Ctrl-C stops it)"]
    if settings.is_local:
        lines.append("  log in as a demo person, then press 'Use our example' on the Annotate page")
    if settings.backend is Backend.EMBEDDED:
        lines.append(f"  mails it sends: {settings.base_url}/mailbox")
    print("\n".join(lines), flush=True)  # noqa: T201 - said to a person


if __name__ == "__main__":
    main()
