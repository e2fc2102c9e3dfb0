#!/usr/bin/env python3
"""What an environment costs a month: `aws/cost.py --jobs 10000` (what `make aws-cost` calls).

Public on-demand prices of us-east-1, 2026, in aws/prices.toml.  Fixed is what stands there idle at
the floors; variable goes with the jobs.  A job of the model: 20 MB in, 40 MB out, downloaded once,
one minute of one processor.
"""

import argparse
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HOURS = 730
"""Hours of a mean month."""

PRICES = Path(__file__).with_name("prices.toml")
Line = tuple[str, float]


def fixed(prices: dict[str, Any], arch: str) -> Iterator[Line]:
    """Dollars a month that an idle environment costs, by what for."""
    machines, hour = prices["machines"][arch], prices["hour"]
    yield "2 annotator machines", 2 * machines["annotator"] * HOURS
    yield "2 web machines", 2 * machines["web"] * HOURS
    yield "2 service machines", 2 * machines["services"] * HOURS
    yield "load balancer", (hour["balancer"] + hour["balancer_unit"]) * HOURS
    yield "NAT gateway", hour["nat"] * HOURS
    yield "3 public addresses", 3 * hour["address"] * HOURS
    yield "accounts database in two zones", hour["database"] * HOURS
    month = prices["month"]
    yield "database storage, 20 GB in two zones", 20 * month["database_gb"]
    yield "disks, 168 GB", 168 * month["disk_gb"]
    yield "3 secrets", 3 * month["secret"]
    yield "30 alarms", 30 * month["alarm"]


def variable(prices: dict[str, Any], arch: str) -> Iterator[Line]:
    """Dollars per 1,000 jobs, by what for."""
    each, month = prices["each"], prices["month"]
    reference = prices["scaling"]
    machine_hours = reference["usd_per_1000"] / reference["usd_per_hour"]
    yield (
        "annotator machines above the floor and at it",
        (machine_hours * prices["machines"][arch]["annotator"]),
    )
    yield "results to people, 40 GB", 40 * each["egress_gb"]
    yield "objects kept, 60 GB for a month", 60 * month["object_gb"]
    yield "requests to S3, DynamoDB, SNS and SQS", each["requests_per_1000_jobs"]
    yield "e-mails", 1000 * each["mail"]
    yield "logs, 0.05 GB", 0.05 * each["log_gb"]


def report(jobs: int, arch: str) -> str:
    """Both as a table, and their sum for that many jobs a month."""
    prices = tomllib.loads(PRICES.read_text())
    standing, running = list(fixed(prices, arch)), list(variable(prices, arch))
    # What the floor's machines cost stands in both: jobs that the floor can run cost no more.
    floor = standing[0][1]
    machines = running[0][1] * jobs / 1000
    rest = sum(usd for _, usd in running[1:]) * jobs / 1000
    idle = sum(usd for _, usd in standing)
    total = idle - floor + max(floor, machines) + rest
    lines = ["fixed, USD a month", *(f"  {usd:9.2f}  {what}" for what, usd in standing)]
    lines += [f"  {idle:9.2f}  in all", "variable, USD per 1,000 jobs"]
    lines += [f"  {usd:9.2f}  {what}" for what, usd in running]
    lines += [f"  {sum(usd for _, usd in running):9.2f}  in all"]
    lines += [f"{jobs:,} jobs a month: about {total:,.0f} USD"]
    return "\n".join(lines)


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000, help="jobs a month")
    parser.add_argument("--arch", choices=["x86_64", "aarch64"], default="x86_64")
    asked = parser.parse_args()
    sys.stdout.write(report(asked.jobs, asked.arch) + "\n")


if __name__ == "__main__":
    main()
