"""The places and workers of the integration tests."""

from tests.integration.conftest import behaviour_artifact, place, start_worker

__all__ = ["behaviour_artifact", "place", "start_worker"]
