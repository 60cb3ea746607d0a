"""The API runs with the platform's own listeners, and nobody delivers unless a simulation does."""

from tests.integration.domain.conftest import listening as listening
