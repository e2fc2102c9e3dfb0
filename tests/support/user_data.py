"""The user data of the pools as shell, for a checker: `python -m tests.support.user_data`."""

import sys

from tests.support.from_templates import Environment
from tests.support.templates import stack

POOLS = ("web", "workers", "services")


def user_data(pool: str) -> str:
    """What a machine of the pool runs at its first start, with every value in its place."""
    found = stack(pool)
    resolve = Environment().resolver(
        found,
        {"Release": "releases/gas-1-x86_64.tar.gz", "ReleaseSha256": "0" * 64, "Image": "ami-1"},
    )
    (launch,) = found.of_type("AWS::EC2::LaunchTemplate").values()
    return str(resolve(launch["LaunchTemplateData"]["UserData"]))


def main() -> None:
    # The three differ in names only, which a test holds.
    sys.stdout.write(user_data(POOLS[0]))


if __name__ == "__main__":
    main()
