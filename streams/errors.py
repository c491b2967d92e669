"""The errors of the worker, by what follows from them.

    StreamError
    ├── Stop               going on would be wrong: offsets stay, the process ends, a restart resumes   exit 1
    │   ├── ProduceFailed  Kafka did not take an output or a changelog record
    │   ├── StateDamaged   a local RocksDB cannot be read or written
    │   └── TooManyLetters more dead letters than the limit: a bad deploy must not drain a topic       exit 3
    ├── ConfigError        a setting is wrong or unknown                                               exit 2
    └── ClusterError       the Kafka cluster is not there, or its topics are not as declared            exit 1

A record that can never be answered is no error here: it is a dead letter (schemas.errors.DecodeError names the reason).
"""


class StreamError(Exception):
    """Something the worker cannot mend by itself."""

    exit_code = 1


class Stop(StreamError):
    """Going on would lose or double something."""


class ProduceFailed(Stop):
    """Kafka refused or never acknowledged a record of ours."""


class StateDamaged(Stop):
    """Local state that cannot be read or written."""


class TooManyLetters(Stop):
    """The dead-letter limit was passed."""

    exit_code = 3


class ConfigError(StreamError):
    """A setting that is unknown, has the wrong type or a value out of range."""

    exit_code = 2


class ClusterError(StreamError):
    """The cluster cannot be reached, or a topic is missing or differs from its declaration."""
