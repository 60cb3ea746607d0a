"""The platform's own listeners are declared, and nobody delivers unless a simulation does."""

from tests.integration.domain.conftest import listening as listening
