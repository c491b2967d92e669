"""What can go wrong with the local broker.

streams.errors.ClusterError
└── BrokerError
    ├── JarUnavailable   a jar could not be downloaded, after retries
    ├── JarRefused       a jar's bytes are not the pinned ones; it was removed
    ├── BrokerRefused    the broker ended while starting, or the folder or port cannot be had
    └── BrokerSilent     the broker did not answer, or did not end, in time
"""

from streams.errors import ClusterError


class BrokerError(ClusterError):
    """Something about the broker that shelfstream starts itself."""


class JarUnavailable(BrokerError):
    """A jar that could not be downloaded."""


class JarRefused(BrokerError):
    """A jar whose SHA-256 is not the pinned one."""


class BrokerRefused(BrokerError):
    """A broker that cannot be started as asked."""


class BrokerSilent(BrokerError):
    """A broker that does not answer or does not end."""
