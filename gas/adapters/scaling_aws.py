"""What the scaler needs of AWS."""

from dataclasses import dataclass

from gas.adapters.autoscaling import AutoScalingPool
from gas.adapters.aws import names_of
from gas.adapters.aws_client import AwsClients
from gas.adapters.cloudwatch import CloudWatchGauges
from gas.config import Backend, Settings
from gas.domain.errors import ConfigurationError
from gas.domain.message import Queue
from gas.ports import Clock, Gauges, Pool

NAMESPACE = "GAS/Scaling"


@dataclass(frozen=True, kw_only=True)
class ScalingOutside:
    """The pool of annotators and the figures about it, by port."""

    pool: Pool
    gauges: Gauges


def connect_scaling(settings: Settings, clock: Clock) -> ScalingOutside:
    """Both adapters; raises ConfigurationError where there is no pool to scale."""
    if settings.backend is not Backend.AWS or not settings.scale_pool:
        raise ConfigurationError("there is no pool to scale: GAS_BACKEND=aws and GAS_SCALE_POOL")
    clients = AwsClients(settings)
    names = names_of(settings, clients)
    return ScalingOutside(
        pool=AutoScalingPool(
            clients.autoscaling(),
            clients.sqs(),
            group=settings.scale_pool,
            queue_name=names.queue(Queue.ANNOTATE),
        ),
        gauges=CloudWatchGauges(
            clients.cloudwatch(),
            namespace=NAMESPACE,
            deployment=settings.resource_prefix,
            clock=clock,
        ),
    )
