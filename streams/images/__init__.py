"""Pictures by address: which addresses may be read, and reading them within bounds."""

from streams.images.addresses import ImageSources
from streams.images.fetch import ImageFetcher

__all__ = ["ImageFetcher", "ImageSources"]
