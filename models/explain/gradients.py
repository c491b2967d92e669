"""The door to captum, which is an extra: explanations need it, answers do not."""

from __future__ import annotations

from models.errors import ModelError


def integrated_gradients() -> type:
    """captum's IntegratedGradients. Errors: ModelError where captum is not installed."""
    try:
        from captum.attr import IntegratedGradients
    except ImportError as error:
        raise ModelError("explaining needs captum; install it with: pip install 'shelfstream[train]'") from error
    found: type = IntegratedGradients
    return found
