"""The transport that `app.transport` is set to: Faust's, with our consumer.

Its producer is never started: `streams.transport.producer` writes whole batches instead.
"""

from typing import ClassVar

from faust.transport.drivers import aiokafka as driver

from streams.transport.consumer import RunConsumer


class RunTransport(driver.Transport):
    """Delivers runs."""

    Consumer: ClassVar[type] = RunConsumer
