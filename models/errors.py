"""What can go wrong in models.

ModelError                  all of them; every message says which file or setting, what was found, and the way out
├── ArtifactError           an artifact is missing, altered or of another kind: going on would give wrong answers (Stop)
├── DataError               training or evaluation data is missing or not as its README says (Stop)
├── TrainingError           a run cannot begin or go on as asked: its checkpoint is another's, its loss no number (Stop)
└── BatchError              the caller's columns do not fit together (a bug of the caller, never of a record)
"""


class ModelError(Exception):
    """Root of the errors that models raise."""


class ArtifactError(ModelError):
    """An artifact cannot be trusted or read."""


class DataError(ModelError):
    """A data set is missing or has another shape than expected."""


class TrainingError(ModelError):
    """A training run cannot begin or go on as asked."""


class BatchError(ModelError):
    """The columns of one batch disagree about their length or type."""
