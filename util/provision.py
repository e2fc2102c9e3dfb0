"""Creates the buckets, tables, topics, queues and subscriptions that the service needs on AWS.

    python -m util.provision

Reads the service's own settings.  Safe to run again: what is there and right is left alone.
"""

import logging
import sys

from gas.adapters.provision_aws import provision_aws
from gas.config import Backend, Settings
from gas.domain.errors import GasError
from gas.log import set_up

log = logging.getLogger(__name__)


def main() -> int:
    """Provision, and say on standard output what was made, changed or found."""
    set_up("provision")
    try:
        settings = Settings.from_env()
        if settings.backend is not Backend.AWS:
            sys.stderr.write("GAS_BACKEND is not aws: there is nothing to provision.\n")
            return 2
        steps = provision_aws(settings)
    except GasError as error:
        sys.stderr.write(f"Provisioning stopped: {error}\n")
        return 1
    for step in steps:
        sys.stdout.write(f"{step}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
