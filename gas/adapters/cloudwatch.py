"""Figures for an operator, as CloudWatch metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gas.adapters.aws_errors import translated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gas.adapters.aws_client import CloudWatchClient
    from gas.ports import Clock

RESOLUTION_SECONDS = 60
"""Standard metrics: finer ones cost the same and are kept for three hours only."""


class CloudWatchGauges:
    """One namespace; every figure carries the deployment as its dimension."""

    def __init__(
        self, client: CloudWatchClient, *, namespace: str, deployment: str, clock: Clock
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._deployment = deployment
        self._clock = clock

    def show(self, figures: Mapping[str, float]) -> None:
        now = self._clock.now()
        with translated():
            self._client.put_metric_data(
                Namespace=self._namespace,
                MetricData=[
                    {
                        "MetricName": name,
                        "Dimensions": [{"Name": "Deployment", "Value": self._deployment}],
                        "Timestamp": now,
                        "Value": value,
                        "Unit": "Count",
                        "StorageResolution": RESOLUTION_SECONDS,
                    }
                    for name, value in figures.items()
                ],
            )
