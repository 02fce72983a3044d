import pytest

from .played_provider import PlayedProvider


@pytest.fixture
def provider() -> PlayedProvider:
    """An identity provider that the test plays."""
    return PlayedProvider()
