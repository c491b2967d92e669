"""The transport that `app.transport` is set to: runs in, idempotent batches out."""

from typing import Any, ClassVar

from faust.transport.drivers import aiokafka as driver

from streams.transport.consumer import RunConsumer


class RunProducer(driver.Producer):
    """Faust's aiokafka producer, idempotent, so that a retry inside the client never doubles a record."""

    def _settings_extra(self) -> dict[str, Any]:
        return {"acks": "all", "enable_idempotence": True}


class RunTransport(driver.Transport):
    """The pair of them."""

    Consumer: ClassVar[type] = RunConsumer
    Producer: ClassVar[type] = RunProducer
