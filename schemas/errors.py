"""The one error of the contract.

ContractError(ValueError)
└── DecodeError      these bytes are not that message; `.reason` is the code a dead letter carries
"""

from schemas.letters import Reason


class ContractError(ValueError):
    """Something does not follow the contract."""


class DecodeError(ContractError):
    """Bytes that are not the message they should be. `reason` tells machines why, the text tells people."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason: Reason = reason
