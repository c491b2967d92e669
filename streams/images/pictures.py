"""Pictures of products, made ready beside the stream: fetched by threads, decoded in processes that may die of it."""

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor

from models.predict import GuardedDecoder, ImageError
from schemas.events import ProductUpsert
from streams.config import ImageSettings
from streams.images.addresses import ImageSources
from streams.images.fetch import ImageFetcher
from streams.logic.inputs import NO_PICTURE, UNREACHABLE, Picture
from streams.metrics import declared as metrics

log = logging.getLogger(__name__)


class PictureMaker:
    """See `streams.logic.inputs.Pictures`. Each of the threads has a process that decodes for it, once it is needed."""

    def __init__(self, fetcher: ImageFetcher, threads: int, decode_timeout_s: float) -> None:
        self._fetcher = fetcher
        self._timeout_s = decode_timeout_s
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="pictures")
        self._own = threading.local()
        self._decoders: list[GuardedDecoder] = []

    def prepare(self, product: ProductUpsert) -> "Future[Picture]":
        """The picture of the event; of one that has both, the bytes that came with it."""
        return self._threads.submit(self._make, product.image, product.image_uri)

    def close(self) -> None:
        """Begin with no other picture, and end the processes."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for decoder in self._decoders:
            decoder.close()

    def _make(self, image: bytes | None, uri: str | None) -> Picture:
        if not image and not uri:
            return NO_PICTURE
        try:
            pixels = self._decoder().decode(image or self._fetcher.fetch(uri or ""))
        except ImageError as error:
            metrics.PICTURES.labels(error.reason).inc()
            return Picture(None, f"broken: {error.reason}")
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001  # a store's client raises what it likes
            log.warning("a picture at %r cannot be read: %r", uri, error)
            metrics.PICTURES.labels("unreachable").inc()
            return Picture(None, UNREACHABLE)
        metrics.PICTURES.labels("read").inc()
        return Picture(pixels, "read")

    def _decoder(self) -> GuardedDecoder:
        if not hasattr(self._own, "decoder"):
            self._own.decoder = GuardedDecoder(self._timeout_s)
            self._decoders.append(self._own.decoder)
        decoder: GuardedDecoder = self._own.decoder
        return decoder


def make_pictures(settings: ImageSettings) -> PictureMaker:
    """As the settings say. Errors: ConfigError when a prefix would allow more than it seems to."""
    sources = ImageSources(tuple(settings.prefixes), timeout_s=settings.fetch_timeout_s)
    return PictureMaker(ImageFetcher(sources), settings.workers, settings.decode_timeout_s)
