"""Says once, on the screen, where the service is, as soon as it answers.

Run by the one-machine supervisor; ends by itself.
"""

import sys
import time
from http import HTTPStatus
from urllib.error import URLError
from urllib.request import urlopen

from gas.config import Backend, Settings

TRIES = 1200
PAUSE_SECONDS = 0.1


def is_ready(address: str) -> bool:
    """Whether the service answers and reaches what it needs (`/readyz`)."""
    try:
        with urlopen(f"{address}/readyz", timeout=5) as answer:  # noqa: S310 - our own http address
            return bool(answer.status == HTTPStatus.OK)
    except (URLError, OSError):
        return False


def main() -> None:
    """Wait, then print the address and what to try first."""
    settings = Settings.from_env()
    for _ in range(TRIES):
        if is_ready(settings.base_url):
            break
        time.sleep(PAUSE_SECONDS)
    else:
        sys.exit("GAS does not answer; its logs say why.")
    lines = [f"GAS serves at {settings.base_url}   (Ctrl-C stops it)"]
    if settings.is_local:
        lines.append("  log in as a demo person, then press 'Use our example' on the Annotate page")
    if settings.backend is Backend.EMBEDDED:
        lines.append(f"  mails it sends: {settings.base_url}/mailbox")
    print("\n".join(lines), flush=True)  # noqa: T201 - said to a person


if __name__ == "__main__":
    main()
